## 检出
detections-title = 未处理的检出
detections-none = 没有需要您处理的可疑文件
detections-none-help = 任何电脑的扫描一有发现就会立即显示在这里，直到有人查看并确认。
detection-on = 所在电脑
detection-found = 发现时间
detection-size = 大小
detection-hash = SHA-256
detection-rule = 规则
detection-put-away = 已在电脑上隔离
detection-acknowledge = 确认
detection-reason = 为什么无需进一步处理？
detection-reason-help = 例如：已清除并恢复；测试文件；误报，已反馈规则。
severity-info = 提示
severity-low = 低
severity-medium = 中
severity-high = 高
severity-critical = 严重
