/* Linux desktops and the servers beside them. */

rule Linux_Bash_Reverse_Shell
{
    meta:
        description = "Hands this machine's shell to another over the network"
        description_zh = "将本机 shell 通过网络交给他人（反弹 shell）"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1059/004/"
    strings:
        $a = /(ba|z|k)?sh[ \t]+-i[ \t]*([>&]{2}|>)[ \t]*\/dev\/(tcp|udp)\/[0-9a-zA-Z.${}_-]{1,80}\/[0-9${}a-zA-Z_]{1,20}[ \t]+0[<>]&1/ ascii
        $b = /exec[ \t]+[0-9]{1,3}<>[ \t]*\/dev\/(tcp|udp)\/[0-9a-zA-Z.-]{1,80}\/[0-9]{1,5}[ \t]*;[^\r\n]{0,80}(sh[ \t]*<&[0-9]|while read)/ ascii
    condition:
        filesize < 1MB and any of them
}

rule Linux_Netcat_Reverse_Shell
{
    meta:
        description = "Hands this machine's shell to another with netcat"
        description_zh = "利用 netcat 反弹 shell"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1059/004/"
    strings:
        $fifo = /mkfifo[ \t]+[^\r\n;|&]{1,60}[;&]{1,2}[^\r\n]{0,20}cat[ \t]+[^\r\n|]{1,60}\|[ \t]*(\/bin\/)?(ba)?sh[ \t]+-i[ \t]+2>&1[ \t]*\|[ \t]*(nc|ncat|netcat|telnet)[ \t]+[0-9a-z][0-9a-zA-Z.-]{2,80}[ \t]+[0-9]{1,5}/ ascii
        $exec = /\b(nc|ncat|netcat)[ \t]+(-[a-df-z]+[ \t]+)?(-e|-c)[ \t]+\/bin\/(ba)?sh[ \t]+[0-9]{1,3}(\.[0-9]{1,3}){3}[ \t]+[0-9]{1,5}/ ascii
        $back = /\b(nc|ncat|netcat)[ \t]+(-[a-df-z]+[ \t]+)?[0-9]{1,3}(\.[0-9]{1,3}){3}[ \t]+[0-9]{1,5}[ \t]+(-e|-c)[ \t]+\/bin\/(ba)?sh/ ascii
    condition:
        filesize < 1MB and any of them
}

rule Linux_Python_Reverse_Shell
{
    meta:
        description = "Hands this machine's shell to another with Python or Perl"
        description_zh = "利用 Python 或 Perl 反弹 shell"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1059/006/"
    strings:
        $connect = /\.connect[ \t]*\([ \t]*\([ \t]*["'][0-9a-zA-Z.-]{3,80}["'][ \t]*,[ \t]*[0-9]{2,5}[ \t]*\)[ \t]*\)/ ascii
        $dup0 = /os\.dup2[ \t]*\([ \t]*[a-z_]{1,20}\.fileno\(\)[ \t]*,[ \t]*0[ \t]*\)/ ascii
        $dup1 = /os\.dup2[ \t]*\([ \t]*[a-z_]{1,20}\.fileno\(\)[ \t]*,[ \t]*1[ \t]*\)/ ascii
        $shell = /(pty\.spawn|subprocess\.call|os\.system|subprocess\.Popen)[ \t]*\([ \t]*\[?[ \t]*["'](\/bin\/)?(ba)?sh/ ascii
        $perl = /socket\(S,PF_INET,SOCK_STREAM[^\r\n]{1,200}open\(STDIN,[ ]?["']>&S["']\)[^\r\n]{1,120}exec\(["']\/bin\/(ba)?sh -i/ ascii
    condition:
        filesize < 1MB and ($perl or ($connect and $dup0 and $dup1 and $shell))
}

rule Linux_Cron_Download_Run
{
    meta:
        description = "A planned task that downloads a script and runs it unseen"
        description_zh = "计划任务定期下载脚本并直接执行"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1053/003/"
    strings:
        $a = /[*0-9][*0-9\/,-]{0,10}([ \t]+[*0-9][*0-9\/,-]{0,10}){4}[ \t]+(root[ \t]+)?[^\r\n#]{0,40}(curl|wget)[ \t][^\r\n|;]{0,120}https?:\/\/[^\r\n|]{3,200}\|[ \t]*(sudo[ \t]+)?(\/bin\/)?(ba|da)?sh\b/ ascii
        $temp = /[*0-9][*0-9\/,-]{0,10}([ \t]+[*0-9][*0-9\/,-]{0,10}){4}[ \t]+(root[ \t]+)?(\/tmp|\/var\/tmp|\/dev\/shm)\/\.[^\r\n\/]{1,40}/ ascii
    condition:
        filesize < 256KB and uint32be(0) != 0x7F454C46 and any of them
}

rule Linux_Preload_Rootkit
{
    meta:
        description = "A library that hides files and connections from every program that loads it"
        description_zh = "通过预加载库隐藏文件与连接的 rootkit"
        severity = "critical"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1574/006/"
    strings:
        $preload = "ld.so.preload" ascii
        $dlsym = "dlsym" ascii
        $hide1 = "readdir64" ascii
        $hide2 = "readdir" ascii
        $look1 = "/proc/net/tcp" ascii
        $look2 = "/proc/self/fd/" ascii
        $look3 = "/proc/%" ascii
        $door1 = "pam_authenticate" ascii
        $door2 = "getspnam" ascii
        $door3 = "/bin/sh" ascii
        $door4 = "HISTFILE" ascii
    condition:
        uint32be(0) == 0x7F454C46 and filesize < 2MB and $preload and $dlsym and any of ($hide*) and any of ($look*) and
        any of ($door*)
}

rule Linux_Preload_Installed
{
    meta:
        description = "A script makes every program load a library of its choice"
        description_zh = "脚本让所有程序预加载指定的库"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1574/006/"
    strings:
        $a = /(echo|printf)[ \t]+["']?\/[^\r\n"'>]{1,100}\.so[^\r\n>]{0,12}>{1,2}[ \t]*["']?\/etc\/ld\.so\.preload/ ascii
    condition:
        filesize < 1MB and $a
}

rule Linux_Ssh_Key_Locked_In
{
    meta:
        description = "A script adds its own SSH key and makes it undeletable"
        description_zh = "脚本植入 SSH 公钥并设为不可删除"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1098/004/"
    strings:
        $key = /echo[ \t]+["']?ssh-(rsa|ed25519|dss)[ \t]+[A-Za-z0-9+\/=]{40,}[^\r\n]{0,80}>{1,2}[ \t]*[^\r\n]{1,60}authorized_keys/ ascii
        $lock = /chattr[ \t]+\+[ai]{1,2}[ai \t]{0,3}[^\r\n]{0,80}(\.ssh|authorized_keys)/ ascii
    condition:
        filesize < 1MB and all of them
}

rule Linux_Miner_Installer
{
    meta:
        description = "A script that kills other miners to make room for its own"
        description_zh = "清除其他挖矿程序并安装自身的脚本"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1496/"
    strings:
        $kill = /(pkill|killall)[ \t]+(-9[ \t]+|-f[ \t]+){0,2}["']?(\.?\/?[a-z0-9\/.-]{0,20})(xmrig|xmr|kinsing|kdevtmpfsi|minerd|cryptonight|ddgs|sysrv|watchbog|kworkerds|stratum|nanopool|minexmr|cpuminer)/ ascii
        $fetch = /(curl|wget)[ \t][^\r\n]{0,120}https?:\/\// ascii
        $run = /chmod[ \t]+(\+x|[0-7]{0,1}7[0-7]{2})[ \t]/ ascii
    condition:
        filesize < 512KB and #kill >= 3 and $fetch and $run
}
