## 分组
groups-title = 分组
groups-help = 每行统计该分组及其所有下级分组的电脑。
column-group = 分组
column-silent = 状态未知的原因
column-storage = 备份占用
silent-never-connected = 从未连接 { $n }
silent-pending = 等待首次连接 { $n }
silent-away = 离开 { $n }
silent-lost = 失联 { $n }
