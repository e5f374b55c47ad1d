# 守备命令行的帮助与命令行错误的简体中文文本。help- 开头的键由命令路径和参数名组成；其上的注释
# 是源代码中的英文原文，由测试核对。只写参数名的（help--…）适用于所有命令。

title-usage = 用法：
title-commands = 命令：
title-arguments = 参数：
title-options = 选项：
title-everywhere = 通用选项：
place-options = [选项]
place-command = <命令>
place-no-command = [命令]
section-name = 名称
section-synopsis = 概要
section-description = 描述
section-options = 选项
section-everywhere = 通用选项
section-commands = 命令
section-extra = 附注
section-version = 版本
own-help = 显示此帮助
own-version = 显示版本
own-verb = 显示此帮助，或某个命令的帮助
remark-environment = [环境变量：{ $value }]
remark-default = [默认：{ $value }]
remark-values = [可选值：{ $value }]
usage-error = 错误：
usage-tip = 提示：
usage-more = 详细说明请用“--help”查看。
usage-unknown-argument = 没有参数“{ $argument }”
usage-unknown-command = 没有命令“{ $command }”
usage-missing-argument = 缺少必需的参数：{ $argument }
usage-missing-command = “{ $command }”之后须写明命令：{ $commands }
usage-no-value = “{ $argument }”需要一个值
usage-invalid-value = “{ $argument }”不能取值“{ $value }”
usage-possible = ；可选值：{ $values }
usage-range = 须在 { $range } 之内
usage-why = ：{ $why }
usage-too-many = “{ $argument }”之后多出了“{ $value }”
usage-no-equals = “{ $argument }”与其值之间须用等号连接
usage-twice = “{ $argument }”只能使用一次
usage-conflict = “{ $argument }”不能与 { $others } 同时使用
usage-similar = 是否指“{ $similar }”？

# Where the page before ended, as it said
help--after = 上一页结束的位置，见其提示
# Acknowledged ones too
help--all = 包括已处理的
# The YAML file ('-': standard input), or a folder of them
help--file = YAML 文件（“-”为标准输入），或存放这些文件的文件夹
# The group
help--group = 分组
# Name or id of the host
help--host = 电脑的名称或编号
# What is open on this host; may be given several times
help--hosts = 此电脑上未结束的任务；可多次使用
# Its id
help--id = 编号
# Their ids
help--jobs = 任务编号
# At most so many, the newest first
help--limit = 最多显示多少条，最新的在前
# The user's name
help--name = 用户名
# All hosts of which this is so: name:PC-* state:at-risk reason:backup-overdue system:linux connected offline no-backup:10d no-scan:3d silent:7d; several with spaces between must all be so
help--query = 所有符合条件的电脑：name:PC-* state:at-risk reason:backup-overdue system:linux connected offline no-backup:10d no-scan:3d silent:7d；多个条件以空格分隔，须同时满足
# Only those created within this time: 30m, 12h, 7d
help--since = 仅在此时间内创建的：30m、12h、7d
# Only those in this state: queued, waiting, offered, running, succeeded, partial, failed, cancelled, expired, lost; open or ended
help--state = 仅处于此状态的：queued、waiting、offered、running、succeeded、partial、failed、cancelled、expired、lost；或 open（未结束）、ended（已结束）
# Its version
help--version = 版本号
# Show it anew every so many seconds, until it is interrupted
help--watch = 每隔若干秒重新显示，直到中断
# Staff's command line for Keepwatch: hosts, scans, backups, restores
help = 守备（Keepwatch）命令行：电脑、扫描、备份与恢复
# Exit codes:
#   0  done; a watched job succeeded
#   1  an error; it says what to do next
#   2  the command line is wrong
#   3  a watched job ended partial: something it should have done was not, and is named
#   4  a watched job failed, was cancelled, was not begun in time or was lost sight of
#
# Environment:
#   KEEPWATCH_PROFILE  the profile to use, as --profile
#   KEEPWATCH_TOKEN    a session that is used instead of the profile's, for scripts
#   KEEPWATCH_LANG     en or zh-CN, as --lang
#   KEEPWATCH_YES      true: as --yes, for scripts
help-behind =
    退出码：
      0  完成；所跟踪的任务成功
      1  出错；会说明下一步怎么做
      2  命令行有误
      3  所跟踪的任务部分完成：有应做而未做的内容，并已列出
      4  所跟踪的任务失败、被取消、未及时开始或失去联系

    环境变量：
      KEEPWATCH_PROFILE  使用的配置，同 --profile
      KEEPWATCH_TOKEN    代替配置中的会话，供脚本使用
      KEEPWATCH_LANG     en 或 zh-CN，同 --lang
      KEEPWATCH_YES      true：同 --yes，供脚本使用
# Which controller and user to be; made by 'keepwatch login'
help--profile = 使用哪个控制器和用户；由“keepwatch login”生成
# How results are written: json has RFC 3339 times, bytes and a shape that stays
help--output = 结果的格式：json 的时间为 RFC 3339，大小以字节计，结构保持不变
# Do what is broad or for good without asking first
help--yes = 影响较大或不可恢复的操作不再询问
# Language for people; what programs read has none [default: the environment's, LANG]
help--lang = 供人阅读的语言；供程序读取的内容不受影响 [默认：取自环境变量 LANG]
# Log in to a controller and keep the session in a profile
help-login = 登录控制器，并将会话保存到配置
# The staff door, https://NAME:PORT; may be left out to log in again where you were
help-login--address = 管理端口的地址 https://名称:端口；重新登录同一处时可省略
# Your name there; asked for if left out
help-login--user = 登录用户名；省略则会询问
# Trust the CA in this PEM file (the controller's ca.pem)
help-login--ca = 信任此 PEM 文件中的 CA（控制器的 ca.pem）
# Trust the CA with this fingerprint, as 'keepwatch-controller init' printed it
help-login--fingerprint = 信任具有此指纹的 CA，指纹由“keepwatch-controller init”给出
# Read the password from this file's first line ('-': standard input); asked for if left out
help-login--password_file = 从此文件的第一行读取密码（“-”为标准输入）；省略则会询问
# End the session
help-logout = 结束会话
# Show who is logged in where
help-whoami = 显示以谁的身份登录在何处
# The PCs: whether they are protected, and if not, why
help-hosts = 电脑：是否受保护，未受保护的原因
# List all hosts (the default)
help-hosts-list = 列出所有电脑（默认）
# Only these (names or ids)
help-hosts-list--hosts = 仅这些电脑（名称或编号）
# All hosts of this group and of those below it
help-hosts-list--group = 此分组及其下级分组的所有电脑
# Show all that is known of one host
help-hosts-show = 显示一台电脑的全部信息
# Its name or id
help-hosts-show--host = 名称或编号
# Cut a host off for good, at once; its backups stay
help-hosts-revoke = 立即永久停用一台电脑；其备份保留
# Its name or id
help-hosts-revoke--host = 名称或编号
# Have a new PC take over from an old one: it is in its group, on its schedule, and reads its backups; the old one is cut off
help-hosts-replace = 由新电脑接替旧电脑：沿用其分组和计划，并可读取其备份；旧电脑被停用
# Name or id of the PC that is gone
help-hosts-replace--old = 旧电脑的名称或编号
# Name or id of the PC in its place, enrolled already
help-hosts-replace--new = 接替它的电脑的名称或编号，须已接入
# Move hosts into a group, all of them or none; what holds there holds for them at once, and no rule moves them any more
help-hosts-move = 将电脑移到一个分组，要么全部移动，要么都不移动；该分组的策略立即生效，此后规则不再移动它们
# Their names or ids
help-hosts-move--hosts = 电脑的名称或编号
# Let rules move them again, at once
help-hosts-move--unpin = 让规则可以再次移动它们，立即生效
# List the PCs that ask to be hosts again: their certificate has expired or was replaced, their disk is a copy of another's, or the controller has forgotten them
help-hosts-pending = 列出申请重新接入的电脑：证书已到期或已更换、磁盘为其他电脑的副本，或控制器已不认识它
# Let a PC in again that 'hosts pending' shows
help-hosts-approve = 允许“hosts pending”中的一台电脑重新接入
# Its id in 'hosts pending'
help-hosts-approve--id = 它在“hosts pending”中的编号
# Whether it is the host that it was, or one of its own. One of two PCs with one identity is the same, and keeps the backups; the other is new
# same: The host that it was: whoever else has its identity is shut out
# new: A host of its own, with an empty repository
help-hosts-approve--what = 是原来的那台，还是另一台。两台电脑身份相同时，一台为 same 并保留备份，另一台为 new。same：原来的那台，其他持有其身份的电脑被拒绝；new：另一台，备份库为空
# The group that it belongs to; left out: that of the host that it was, or the root
help-hosts-approve--group = 所属分组；省略则为原来那台的分组，或根分组
# Do not let a PC in that 'hosts pending' shows
help-hosts-refuse = 拒绝“hosts pending”中的一台电脑接入
# Its id there
help-hosts-refuse--id = 它在其中的编号
# Have a host's backups deleted: one administrator asks, another approves, and days later they go
help-hosts-delete-repository = 删除电脑的备份：一名管理员申请，另一名批准，数日后删除
# Name or id of the host, which must be cut off
help-hosts-delete-repository--host = 电脑的名称或编号，须已停用
# Left out: ask for it
# approve: Agree with who asked, as another administrator
# call-off: Have it not done; any administrator can, until it begins
help-hosts-delete-repository--step = 省略为提出申请。approve：由另一名管理员批准；call-off：取消，在开始删除之前任何管理员均可
# Why; whoever approves it reads this
help-hosts-delete-repository--reason = 原因；供批准者阅读
# List the hosts whose backups are to be deleted, or were
help-hosts-deletions = 列出备份待删除或已删除的电脑
# The tree of departments and sites
help-groups = 部门与站点的分组树
# List all groups (the default)
help-groups-list = 列出所有分组（默认）
# Show how the PCs of each group are, with those of all groups below it
help-groups-health = 显示各分组（含所有下级分组）中电脑的健康状况
# Only this group and those below it
help-groups-health--group = 仅此分组及其下级分组
# Make a group, which inherits its parent's policy
help-groups-create = 新建分组，继承上级的策略
# Its name, its own among the groups beside it
help-groups-create--name = 名称，在同级分组中不能重复
# The group it belongs to; the topmost if left out
help-groups-create--parent = 上级分组；省略为最上级
# Move a group below another, with all that is below it; its hosts follow what holds there
help-groups-move = 将分组连同其下的一切移到另一分组之下；其中的电脑改用那里的策略
# The group that it belongs to from now on; the topmost if left out
help-groups-move--to = 今后的上级分组；省略为最上级
# Only show which hosts' policy would change, and how
help-groups-move--dry_run = 仅显示哪些电脑的策略会改变，如何改变
# Remove a group that no host, no group, no rule and no usable token belongs to
help-groups-remove = 删除没有电脑、下级分组、规则和可用令牌的分组
# Call a group otherwise; what holds for it and who is in it stays
help-groups-rename = 更改分组名称；其策略和成员不变
# Its new name; its place in the tree stays
help-groups-rename--name = 新名称；在树中的位置不变
# Show all that is known of one group: its place, its PCs, what its policy sets and what holds
help-groups-show = 显示一个分组的全部信息：位置、电脑、其策略设置了什么、实际生效的是什么
# The group; the topmost if left out
help-groups-show--group = 分组；省略为最上级分组
# Say which group hosts belong to by what they are, and move them there
help-groups-rules = 按电脑的信息决定它属于哪个分组，并移动过去
# List all rules in their order (the default)
help-groups-rules-list = 按顺序列出所有规则（默认）
# Add a rule: all conditions that it sets must hold, and of all rules the first that fits decides
help-groups-rules-add = 添加规则：所设条件须全部满足，所有规则中以第一条符合的为准
# Pattern of the host's name, with * and ?
help-groups-rules-add--name = 电脑名称的模式，可用 * 和 ?
# Network that one of the host's addresses is in, such as 10.1.0.0/16
help-groups-rules-add--network = 电脑的某个地址所在的网段，例如 10.1.0.0/16
# The host's system: linux or windows
help-groups-rules-add--system = 电脑的系统：linux 或 windows
# The group that it leads to
help-groups-rules-add--to = 规则指向的分组
# Its place among the rules, 1 first; the last if left out
help-groups-rules-add--order = 在规则中的顺序，1 为最先；省略为最后
# Remove a rule; hosts that it has moved stay where they are
help-groups-rules-remove = 删除一条规则；它移动过的电脑留在原处
# Its order, as 'groups rules' shows it
help-groups-rules-remove--order = 其顺序，见“groups rules”
# Move every host that is not placed by hand to where the first rule that fits it leads
help-groups-rules-apply = 将所有未经人工分组的电脑移到第一条符合的规则所指的分组
# Only show who would move
help-groups-rules-apply--dry_run = 只显示哪些电脑会移动
# What a group's hosts must do
help-policies = 分组内的电脑必须做什么
# Print a group's own document, as YAML to edit and apply
help-policies-get = 以 YAML 输出分组自有的策略文档，供编辑后应用
# Show what holds for a group or a host, field by field, and where each comes from
help-policies-effective = 逐项显示分组或电脑的生效策略及各项来源
# The group; the topmost if left out
help-policies-effective--group = 分组；省略为最上级
# A host, by name or id, in place of a group
help-policies-effective--host = 以电脑（名称或编号）代替分组
# A document says only what its group changes; all else is as the groups above have it. It begins with a line 'group: NAME', unless the group is named here. What is in place already changes nothing, so a folder under version control can be applied again and again.
help-policies-apply-more = 文档只写本分组要改变的内容，其余以上级分组为准。除非在此指定分组，文档以一行“group: 名称”开头。已经生效的内容不会改变，因此可反复应用受版本控制的文件夹。
# Put documents in place: all of them, or none if one is wrong
help-policies-apply = 应用策略文档：全部应用；有一份错误则都不应用
# The group, where the document does not name it
help-policies-apply--group = 分组，在文档未写明时使用
# Only if this is still the revision in force, as 'policies get' said it; so that two people who edit at once do not undo each other's work
help-policies-apply--revision = 仅当“policies get”所示版本仍有效时才应用，以免两人同时编辑时互相覆盖
# Only show which hosts would change, and how
help-policies-apply--dry_run = 仅显示哪些电脑会改变，如何改变
# Show which hosts documents would change, and how; nothing is put in place
help-policies-diff = 显示文档会使哪些电脑改变，如何改变；不应用
# The group, where the document does not name it
help-policies-diff--group = 分组，在文档未写明时使用
# List who changed a group's document when, or print an older one
help-policies-history = 列出分组的文档由谁在何时修改，或输出旧版本
# The revision to print
help-policies-history--revision = 要输出的版本
# Show what the hosts of a group would do when, hour by hour
help-policies-simulate = 逐小时显示分组中的电脑将在何时做什么
# The group, with those below it; all if left out
help-policies-simulate--group = 分组及其下级分组；省略为全部
# For how many days from now
help-policies-simulate--days = 从现在起的天数
# What a PC enrols with
help-tokens = 电脑接入所用的令牌
# List tokens that can still be used (the default)
help-tokens-list = 列出仍可使用的令牌（默认）
# Make a token; prints it, this once, with the line to run on the PC
help-tokens-create = 生成令牌；只显示这一次，并给出在电脑上运行的命令
# How many PCs may enrol with it
help-tokens-create--uses = 可供多少台电脑接入
# How long it can be used: a number with s, m, h, d or w
help-tokens-create--ttl = 有效时间：数字加 s、m、h、d 或 w
# The group that its PCs join; the topmost if left out
help-tokens-create--group = 电脑接入后所属的分组；省略为最上级
# The agent door as these PCs reach it, where it is not the name that the controller gives
help-tokens-create--controller = 这些电脑访问代理端口所用的地址，仅当与控制器给出的名称不同时需要
# Let rules place its PCs elsewhere; those of a token without a group are placed by rules anyway
help-tokens-create--by_rules = 允许规则将用它接入的电脑分到别处；不带分组的令牌本来就由规则分组
# Make a token useless; hosts that enrolled with it stay
help-tokens-revoke = 使令牌失效；已用它接入的电脑不受影响
# Scans, backups and restores: past, running, waiting
help-jobs = 扫描、备份与恢复任务：已结束、进行中、等待中
# Only this host's (name or id)
help-jobs--host = 仅此电脑的（名称或编号）
# Only those of hosts in this group and below it
help-jobs--group = 仅此分组及其下级分组中电脑的
# Only of this kind: scan, backup, restore, verify, quarantine
help-jobs--kind = 仅此类型的：scan、backup、restore、verify、quarantine
# List jobs, the newest first (the default)
help-jobs-list = 列出任务，最新的在前（默认）
# Only this host's (name or id)
help-jobs-list--host = 仅此电脑的（名称或编号）
# Only those of hosts in this group and below it
help-jobs-list--group = 仅此分组及其下级分组中电脑的
# Only of this kind: scan, backup, restore, verify, quarantine
help-jobs-list--kind = 仅此类型的：scan、backup、restore、verify、quarantine
# Show one job and what it could not do
help-jobs-show = 显示一个任务，以及它未能完成的部分
# Follow a job to its end; exits with 0: succeeded, 3: partial, 4: failed or cancelled
help-jobs-watch = 跟踪任务到结束；退出码 0：成功，3：部分完成，4：失败或已取消
# Show what happened with a job, line by line
help-jobs-log = 逐行显示任务的经过
# Show who backs up now, and who waits for leave to
help-jobs-slots = 显示谁正在备份，谁在等待许可
# Let scans and backups wait until they are resumed
help-jobs-pause = 暂停扫描和备份，直到继续
# All hosts of this group and of those below it
help-jobs-pause--group = 此分组及其下级分组中的所有电脑
# Of what is open on hosts, only this kind: scan, backup, restore, verify, quarantine
help-jobs-pause--kind = 对电脑上未结束的任务，仅此类型：scan、backup、restore、verify、quarantine
# Let paused scans and backups go on
help-jobs-resume = 继续已暂停的扫描和备份
# All hosts of this group and of those below it
help-jobs-resume--group = 此分组及其下级分组中的所有电脑
# Of what is open on hosts, only this kind: scan, backup, restore, verify, quarantine
help-jobs-resume--kind = 对电脑上未结束的任务，仅此类型：scan、backup、restore、verify、quarantine
# Call jobs off
help-jobs-cancel = 取消任务
# All hosts of this group and of those below it
help-jobs-cancel--group = 此分组及其下级分组中的所有电脑
# Of what is open on hosts, only this kind: scan, backup, restore, verify, quarantine
help-jobs-cancel--kind = 对电脑上未结束的任务，仅此类型：scan、backup、restore、verify、quarantine
# The backups of a host
help-snapshots = 电脑的备份
# Which snapshots of a host stay, and why
help-retention = 电脑的哪些快照保留，以及原因
# What would become of each snapshot now; nothing is done
help-retention-plan = 现在会如何处理每个快照；不执行任何操作
# Remove now what the policy's rules do not keep; it is done each day anyway
help-retention-run = 立即清理策略规则不保留的快照；平时每天自动清理
# Let snapshots go by the rules again, where something had looked odd
help-retention-thaw = 对曾发现异常的电脑，重新按规则清理快照
# Read all that a host has stored, and say whether it is sound
help-verify = 读取电脑存放的全部备份，并说明是否完好
# Only say what the last look showed
help-verify--last = 仅显示上次核验的结果
# Have the PC restore files of its newest snapshot, taken at random, to a scratch folder, and compare; exits with 0: succeeded, 3: partial, 4: failed or cancelled
help-verify--on_pc = 让电脑把最新快照中随机选取的文件恢复到临时文件夹并比较；退出码 0：成功，3：部分完成，4：失败或已取消
# Set aside what is damaged of a host's backups; the PC sends again what is still there
help-repair = 隔离电脑备份中损坏的部分；仍在的数据由电脑重新上传
# List what is in a snapshot
help-ls = 列出快照中的内容
# Id of the snapshot, its beginning, or 'latest'
help-ls--snapshot = 快照的编号、编号的开头，或“latest”
# Folder or file within it; its top if left out
help-ls--path = 其中的文件夹或文件；省略为顶层
# With all that is in the folders
help-ls--recursive = 包括各文件夹中的全部内容
# Find files by name in all snapshots of a host
help-find = 在电脑的所有快照中按名称查找文件
# Glob for the name, such as '*.docx'; quote it, or the shell takes it for its own
help-find--pattern = 文件名的通配模式，如 '*.docx'；请加引号，以免被 shell 展开
# Show what a file was over time
help-versions = 显示文件的历史版本
# The file's full path
help-versions--path = 文件的完整路径
# Fetch one file from a snapshot to this computer
help-download = 从快照中取出一个文件，保存到本机
# Id of the snapshot, its beginning, 'latest', or 'latest-clean': the newest in which it is clean
help-download--snapshot = 快照的编号、编号的开头、“latest”，或“latest-clean”（该文件未感染的最新快照）
# The file or folder within it, as 'ls' shows it
help-download--path = 其中的文件或文件夹，写法与“ls”所示相同
# How a folder comes: zip unless that cannot hold it
help-download--format = 文件夹的归档格式：zip 能容纳时用 zip
# Where to write ('-': standard output); under its own name here if left out
help-download--to = 写到何处（“-”为标准输出）；省略则以原名写入当前文件夹
# Fetch also what is infected; for administrators
help-download--infected = 也取出受感染的文件；仅限管理员
# Replace a file that is there
help-download--force = 覆盖已存在的文件
# What the scans found
help-detections = 扫描检出的内容
# Only this host's (name or id)
help-detections--host = 仅此电脑的（名称或编号）
# List open detections (the default)
help-detections-list = 列出未处理的检出（默认）
# Only this host's (name or id)
help-detections-list--host = 仅此电脑的（名称或编号）
# Say that a detection has been dealt with
help-detections-acknowledge = 说明检出已处理
# What was done, or why nothing needs to be; kept in the audit log
help-detections-acknowledge--reason = 做了什么，或为何无需处理；记入审计日志
# Scan hosts now
help-scan = 立即扫描电脑
# Name or id of the host, then files and folders on it; those of its policy if left out. With --group or --query no host is named, and all are files and folders
help-scan--words = 电脑的名称或编号，其后是其上的文件和文件夹；省略则按策略中的路径。使用 --group 或 --query 时不写电脑，全部视为文件和文件夹
# All hosts of this group and of those below it
help-scan--group = 此分组及其下级分组中的所有电脑
# Where malware is met first: running programs, start-up places, temporary folders, downloads
help-scan--quick = 恶意软件最先出现之处：运行中的程序、启动项、临时文件夹、下载
# All its local disks
help-scan--full = 所有本地磁盘
# The removable media that are in it now
help-scan--removable = 当前插入的可移动介质
# Follow it to its end; exits with 0: succeeded, 3: partial, 4: failed or cancelled
help-scan--watch = 跟踪到结束；退出码 0：成功，3：部分完成，4：失败或已取消
# Back hosts up now
help-backup = 立即备份电脑
# Names or ids of hosts
help-backup--hosts = 电脑的名称或编号
# All hosts of this group and of those below it
help-backup--group = 此分组及其下级分组中的所有电脑
# Follow it to its end; exits with 0: succeeded, 3: partial, 4: failed or cancelled
help-backup--watch = 跟踪到结束；退出码 0：成功，3：部分完成，4：失败或已取消
# Bring files back onto a host
help-restore = 将文件恢复到电脑
# Name or id of the host whose backup it is
help-restore--host = 备份所属电脑的名称或编号
# Id of the snapshot, its beginning, 'latest', or 'latest-clean': the newest in which nothing was found; with one --path, the newest in which that file is clean
help-restore--snapshot = 快照的编号、编号的开头、“latest”，或“latest-clean”（没有检出的最新快照；只给一个 --path 时，为该文件未感染的最新快照）
# Only this path (repeatable); everything if left out
help-restore--paths = 仅此路径（可多次使用）；省略则为全部
# Restore onto this host instead
help-restore--to_host = 改为恢复到此电脑
# Folder on the host to restore below; a new one where the PC allows restores if left out
help-restore--target = 恢复到电脑上的哪个文件夹之下；省略则在电脑允许恢复的位置新建
# Each path goes back to where it was; name what by --path
help-restore--in_place = 每个路径恢复到原处；用 --path 指定内容
# What to do where something else is there already: refuse (leave it, and name what was not restored), skip, keep-both, overwrite-older, overwrite
help-restore--conflict = 原处已有其他内容时如何处理：refuse（保留原有内容，并列出未恢复的）、skip、keep-both、overwrite-older、overwrite
# Replace files that exist: --conflict overwrite
help-restore--overwrite = 覆盖已存在的文件，等同于 --conflict overwrite
# Bring back also what is infected; for administrators. Otherwise such files are left out, and what newer rules find on the way as well
help-restore--infected = 也恢复受感染的文件；仅限管理员。否则略过这些文件，以及恢复时由较新规则检出的文件
# Only say what would be done
help-restore--dry_run = 仅说明将会做什么
# Follow it to its end; exits with 0: succeeded, 3: partial, 4: failed or cancelled
help-restore--watch = 跟踪到结束；退出码 0：成功，3：部分完成，4：失败或已取消
# The rules that hosts scan with
help-signatures = 电脑扫描所用的规则
# List what was published, the newest first (the default)
help-signatures-list = 列出已发布的规则包，最新的在前（默认）
# Publish the rules in a file, a folder (*.yar, *.yara) or a zip; shows what does not compile
help-signatures-import = 发布文件、文件夹（*.yar、*.yara）或 zip 中的规则；无法编译的会列出
# File, folder or zip on this computer
help-signatures-import--path = 本机上的文件、文件夹或 zip
# What to call this import: the same name again replaces it, another adds to it; the file's or folder's own name if left out
help-signatures-import--source = 此次导入的名称：同名则替换，异名则添加；省略则用文件或文件夹的名称
# Publish without the files that do not compile
help-signatures-import--skip_broken = 发布时去掉无法编译的文件
# Only check them
help-signatures-import--dry_run = 仅检查
# List the imports that the published rules are made of
help-signatures-sources = 列出已发布规则由哪些导入组成
# Take the rules of one import out and publish the rest
help-signatures-remove = 去掉一次导入的规则，并发布其余规则
# The import's name
help-signatures-remove--source = 导入的名称
# How new signatures spread through the fleet, ring by ring
help-rollouts = 新特征库如何分批推送到全部电脑
# List the published bundles and how far each has come (the default)
help-rollouts-list = 列出已发布的特征库及其推送进度（默认）
# Show how one bundle stands, by ring and by group, and which hosts refused it
help-rollouts-show = 按批次和分组显示某一版的推送情况，以及哪些电脑拒绝了它
# Let a bundle go no further; hosts that have it keep it
help-rollouts-halt = 停止推送某一版；已有它的电脑继续使用
# Why; kept in the audit log and shown to others
help-rollouts-halt--reason = 原因；记入审计日志，并显示给其他人员
# Let a halted bundle go on; refusals up to now do not halt it again
help-rollouts-resume = 恢复推送已停止的一版；此前的拒绝不再导致停止推送
# Give a bundle to every ring at once; asks first
help-rollouts-now = 立即向所有批次推送某一版；会先询问
# Who may log in
help-users = 谁可以登录
# List all users (the default)
help-users-list = 列出所有用户（默认）
# Make a user; prints a password, this once
help-users-create = 新建用户；密码只显示这一次
# What the user may do
# viewer: May look
# operator: May scan, back up and restore
# administrator: May also change policies, signatures, hosts and users
help-users-create--role = 用户的权限。viewer：可查看；operator：可扫描、备份和恢复；administrator：还可更改策略、特征库、电脑和用户
# Remove a user and end all sessions of theirs
help-users-remove = 删除用户并结束其所有会话
# Change your own password
help-users-password = 修改自己的密码
# Read the old password from this file's first line and the new one from its second ('-': standard input); asked for if left out
help-users-password--password_file = 从此文件的第一行读取旧密码，从第二行读取新密码（“-”为标准输入）；省略则会询问
# Who did what, and when
help-audit = 谁在何时做了什么
# The controller's own clock. While it is doubted, no snapshot and no repository is removed
help-clock = 控制器自身的时钟。时钟存疑期间，不删除任何快照和备份库
# Show it (the default)
help-clock-show = 显示时钟（默认）
# Say that it is right, after looking at it
help-clock-confirm = 查看后确认时钟正确
# The fleet in numbers; with a period, what managers are told of a week or a month
help-report = 全部电脑的统计数字；指定时段时，生成供领导查阅的周报或月报
# A report on this: week or month (the last that is over), or one such as 2026-W47 or 2026-11
help-report--period = 生成此时段的报告：week 或 month（上一个完整的周或月），或如 2026-W47、2026-11
# Of this group and all below it, instead of all
help-report--group = 只含此分组及其下级分组，而非全部
# How the report comes
help-report--format = 报告的格式
# The report's language, instead of yours
help-report--language = 报告的语言，缺省为您的界面语言
# Where to write the report ('-': standard output); under its own name here if left out
help-report--to = 报告写入何处（“-”为标准输出）；缺省时以其自身名称写在当前目录
# Replace a file that is there
help-report--force = 覆盖已存在的文件
# What stock restic needs to open a host's backups without Keepwatch
help-recovery-kit = 不依赖守备、用原版 restic 打开电脑备份所需的一切
# Of all hosts, also of those that were revoked
help-recovery-kit--all = 所有电脑的，包括已停用的
# Encrypted to the offline recovery key: only 'keepwatch-controller recovery-key open', or 'age --decrypt', with that key's secret half can read it
help-recovery-kit--sealed = 以离线恢复密钥加密：须用该密钥的私钥部分，通过“keepwatch-controller recovery-key open”或“age --decrypt”打开
# Write it to a new file that only you can read, instead of the terminal
help-recovery-kit--to = 写入仅您可读的新文件，而不显示在终端
# Print what makes a shell complete this command line
help-completion = 输出 shell 的命令补全脚本
# Which shell's; as in: source <(keepwatch completion bash)
help-completion--shell = 哪种 shell；用法如：source <(keepwatch completion bash)
# Print the manual page, or write one for each command
help-man = 输出手册页，或为每个命令各写一页
# Write a page for each command into this folder, as in /usr/local/share/man/man1
help-man--to = 将每个命令的手册页写入此文件夹，如 /usr/local/share/man/man1
# At most so many, the newest first; 1000 if left out
help-detections--limit = 最多显示多少条，最新的在前；省略为 1000
# At most so many, the newest first; 1000 if left out
help-detections-list--limit = 最多显示多少条，最新的在前；省略为 1000
# Files that were put away on PCs, where nobody can open or run them
help-quarantine = 电脑上已被隔离、无人能够打开或运行的文件
# Only those on these PCs (names or ids)
help-quarantine--hosts = 仅这些电脑上的（名称或编号）
# All hosts of this group and of those below it
help-quarantine--group = 此分组及其下级分组的所有电脑
# Also those that were restored or deleted, or are not there any more
help-quarantine--all = 包括已恢复、已删除或已不在的
# At most so many, the newest first; 1000 if left out
help-quarantine--limit = 最多显示多少个，最新的在前；省略为 1000
# List files that are put away, the newest first (the default)
help-quarantine-list = 列出被隔离的文件，最新的在前（默认）
# Only those on these PCs (names or ids)
help-quarantine-list--hosts = 仅这些电脑上的（名称或编号）
# All hosts of this group and of those below it
help-quarantine-list--group = 此分组及其下级分组的所有电脑
# Also those that were restored or deleted, or are not there any more
help-quarantine-list--all = 包括已恢复、已删除或已不在的
# At most so many, the newest first; 1000 if left out
help-quarantine-list--limit = 最多显示多少个，最新的在前；省略为 1000
# Show one of them
help-quarantine-show = 显示其中一个
# Put a file of a PC away, whatever it is
help-quarantine-add = 隔离电脑上的一个文件，无论它是什么
# Name or id of the PC
help-quarantine-add--host = 电脑的名称或编号
# The file, by its full path there
help-quarantine-add--path = 文件在该电脑上的完整路径
# Only if its content has this SHA-256
help-quarantine-add--sha256 = 仅当其内容的 SHA-256 与此相符
# Follow it to its end; exits with 0: succeeded, 3: partial, 4: failed or cancelled
help-quarantine-add--watch = 跟踪到结束；退出码 0：成功，3：部分完成，4：失败或已取消
# Bring a file back to where it was; never over another
help-quarantine-restore = 将文件恢复到原处；绝不覆盖其他文件
# To this file, or into this folder, below the folders that its PC allows restores into
help-quarantine-restore--to = 恢复为此文件，或恢复到此文件夹，须在该电脑允许恢复的文件夹之内
# Follow it to its end; exits with 0: succeeded, 3: partial, 4: failed or cancelled
help-quarantine-restore--watch = 跟踪到结束；退出码 0：成功，3：部分完成，4：失败或已取消
# Destroy a file for good
help-quarantine-delete = 永久销毁文件
# Follow it to its end; exits with 0: succeeded, 3: partial, 4: failed or cancelled
help-quarantine-delete--watch = 跟踪到结束；退出码 0：成功，3：部分完成，4：失败或已取消
