## 电脑列表
hosts-title = 电脑
column-hosts = 电脑数
column-host = 电脑
column-state = 状态
column-connected = 连接
column-backup = 上次备份
column-scan = 上次扫描
column-signatures = 特征库
column-detections = 未处理的检出
