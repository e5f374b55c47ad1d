## 大屏
wall-as-of = 更新于
wall-running = 正在执行
wall-running-none = 目前没有任务在执行
wall-stale = 大屏与控制器的连接已中断，显示的内容可能已过时。
