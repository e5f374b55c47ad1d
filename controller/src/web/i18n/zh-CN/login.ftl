## 登录
login-title = 登录
login-name = 用户名
login-password = 密码
login-go = 登录
login-help = 首个用户名及其一次性密码由“keepwatch-controller init”显示；其他用户请向管理员索取一次性密码。
login-wrong = 用户名或密码不正确。
login-wait = 密码错误次数过多，请一分钟后再试。
login-ended = 登录已过期，请重新登录。您填写的内容会一并保留。
login-ended-files = 登录已过期，请重新登录。您填写的内容会一并保留，文件需要重新选择。
login-resume-title = 您已重新登录
login-resume-help = 因登录过期，之前提交的内容没有执行。现在发送吗？
login-resume-send = 现在发送
login-resume-leave = 不发送
