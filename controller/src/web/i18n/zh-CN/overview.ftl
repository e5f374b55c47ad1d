## 首页
overview-none = 还没有电脑接入
overview-all = 全部 { $hosts } 台电脑均受保护
overview-some = { $hosts } 台电脑中，{ $protected } 台受保护，{ $rest } 台需要处理
overview-counts = 各状态的电脑数
overview-detections = 未处理的检出
overview-storage = 备份占用
overview-empty = 三步即可让第一台电脑受到守护：
overview-empty-token = 在装有命令行工具的任意电脑上生成令牌。一个令牌可接入一台电脑，一天内有效：
overview-empty-enrol = 在要守护的电脑上用令牌接入（7443 是代理的默认端口）：
overview-empty-run = 启动代理，这台电脑会自动出现在本页：
