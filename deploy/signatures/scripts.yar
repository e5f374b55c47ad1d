/* Scripts and command lines that office work does not need. Executables are left out
   where a string alone would say too little. */

rule Script_PowerShell_Encoded_Command
{
    meta:
        description = "PowerShell is started with an encoded command"
        description_zh = "以编码命令启动 PowerShell"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1027/010/"
    strings:
        // The argument is Base64 of UTF-16 text: every eighth run of bits is zero.
        $a = /powershell(\.exe)?["']?[ \t][^\r\n]{0,200}[-\/]e(c|nc|nco[a-z]{0,11})?[ \t]+["']?([A-Za-z0-9+\/][AQgw][AB][A-Za-z0-9+\/]A[A-H][A-Za-z0-9+\/]A){8}/ ascii wide nocase
    condition:
        filesize < 5MB and $a
}

rule Script_PowerShell_Hidden_Download
{
    meta:
        description = "A hidden PowerShell window downloads something and runs it"
        description_zh = "隐藏窗口的 PowerShell 下载并执行内容"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1059/001/"
    strings:
        $hidden = /[-\/]w(i|in|ind|indowstyle)?[ \t]+["']?(hidden|1)\b/ ascii wide nocase
        $run1 = /\biex\b/ ascii wide nocase
        $run2 = "invoke-expression" ascii wide nocase
        $run3 = "start-process" ascii wide nocase
        $get1 = ".downloadstring(" ascii wide nocase
        $get2 = ".downloadfile(" ascii wide nocase
        $get3 = ".downloaddata(" ascii wide nocase
        $get4 = /\b(iwr|irm|invoke-webrequest|invoke-restmethod)[ \t]+[^\r\n]{0,60}https?:\/\// ascii wide nocase
        $shell = "powershell" ascii wide nocase
    condition:
        filesize < 512KB and uint16(0) != 0x5A4D and $shell and $hidden and any of ($run*) and any of ($get*)
}

rule Script_PowerShell_Obfuscated
{
    meta:
        description = "PowerShell that unpacks itself from compressed text or single characters and runs the result"
        description_zh = "PowerShell 从压缩文本或单个字符还原自身并执行"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1027/"
    strings:
        $run1 = /\biex\b/ ascii wide nocase
        $run2 = "invoke-expression" ascii wide nocase
        $run3 = /[.&][ \t]*\([ \t]*\$(env:comspec|pshome|shellid|verbosepreference)/ ascii wide nocase
        $base64 = "frombase64string(" ascii wide nocase
        $unzip1 = "io.compression.gzipstream" ascii wide nocase
        $unzip2 = "io.compression.deflatestream" ascii wide nocase
        $memory = "io.memorystream" ascii wide nocase
        $char = /\[char\][ \t]*\(?[ \t]*(0x)?[0-9a-f]{2,3}/ ascii wide nocase
        $xor = "-bxor" ascii wide nocase
    condition:
        filesize < 2MB and uint16(0) != 0x5A4D and any of ($run*) and (
            ($base64 and $memory and any of ($unzip*)) or ($base64 and $xor) or #char > 24
        )
}

rule Script_AMSI_Bypass
{
    meta:
        description = "A script switches off the Windows malware scan interface (AMSI)"
        description_zh = "脚本关闭 Windows 反恶意软件扫描接口 (AMSI)"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1562/001/"
    strings:
        $field1 = "amsiInitFailed" ascii wide nocase
        $field2 = "amsiContext" ascii wide nocase
        $reflect1 = "NonPublic,Static" ascii wide nocase
        $reflect2 = "SetValue(" ascii wide nocase
        $patch1 = "AmsiScanBuffer" ascii wide nocase
        $patch2 = "VirtualProtect" ascii wide nocase
        $patch3 = "GetProcAddress" ascii wide nocase
        $script1 = "Add-Type" ascii wide nocase
        $script2 = "[Runtime.InteropServices.Marshal]::Copy" ascii wide nocase
        $script3 = "DllImport" ascii wide nocase
    condition:
        filesize < 1MB and uint16(0) != 0x5A4D and (
            (any of ($field*) and all of ($reflect*)) or (all of ($patch*) and any of ($script*))
        )
}

rule Script_Defender_Off
{
    meta:
        description = "A script switches Microsoft Defender off or excludes a whole drive from it"
        description_zh = "脚本关闭 Microsoft Defender 或将整个磁盘排除在扫描之外"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1562/001/"
    strings:
        $off = /set-mppreference[ \t][^\r\n]{0,200}-disable(realtimemonitoring|ioavprotection|behaviormonitoring|scriptscanning)[ \t:]+(\$true|1)/ ascii wide nocase
        $drive = /add-mppreference[ \t][^\r\n]{0,100}-exclusionpath[ \t]+["']?[a-z]:\\?["']?[ \t]*([\r\n;,]|$)/ ascii wide nocase
        $policy = /reg(\.exe)?["']?[ \t]+add[ \t]+[^\r\n]{0,80}\\windows defender[^\r\n]{0,80}\/v[ \t]+["']?disable(antispyware|realtimemonitoring)["']?[^\r\n]{0,40}\/d[ \t]+["']?(0x)?1/ ascii wide nocase
        $service = /sc(\.exe)?[ \t]+(stop|delete|config)[ \t]+["']?windefend["']?/ ascii wide nocase
    condition:
        filesize < 512KB and uint16(0) != 0x5A4D and ($off or $drive or $policy or $service)
}

rule Script_Shadow_Copies_Deleted
{
    meta:
        description = "Deletes restore points and backups, as ransomware does before it encrypts"
        description_zh = "删除还原点和备份，勒索软件加密前的典型行为"
        severity = "critical"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1490/"
    strings:
        $a = /vssadmin(\.exe)?["']?[ \t]+delete[ \t]+shadows/ ascii wide nocase
        $b = /wmic(\.exe)?["']?[ \t]+shadowcopy[ \t]+delete/ ascii wide nocase
        $c = /wbadmin(\.exe)?["']?[ \t]+delete[ \t]+(catalog|systemstatebackup)/ ascii wide nocase
        $d = /bcdedit(\.exe)?["']?[ \t]+\/set[ \t]+[^\r\n\x00]{0,30}recoveryenabled[ \t]+["']?no/ ascii wide nocase
        $e = /win32_shadowcopy[^\r\n]{0,80}\.delete\(/ ascii wide nocase
        $f = /vssadmin(\.exe)?["']?[ \t]+resize[ \t]+shadowstorage[^\r\n\x00]{0,60}maxsize=(401|320)mb/ ascii wide nocase
    condition:
        filesize < 20MB and 2 of them
}

rule Script_Mshta_Remote
{
    meta:
        description = "Mshta runs a page from the network or a script from its own command line"
        description_zh = "mshta 运行网络页面或命令行中的脚本"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1218/005/"
    strings:
        $a = /mshta(\.exe)?["']?[ \t]+["']?(https?:\/\/|vbscript:|javascript:)[a-z0-9.(\[\\"]/ ascii wide nocase
    condition:
        filesize < 1MB and uint16(0) != 0x5A4D and $a
}

rule Script_Regsvr32_Scriptlet
{
    meta:
        description = "Regsvr32 loads a scriptlet from the network"
        description_zh = "regsvr32 从网络加载脚本组件"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1218/010/"
    strings:
        $a = /regsvr32(\.exe)?["']?[ \t][^\r\n]{0,60}[-\/]i:["']?(https?|ftp):\/\/[^\r\n]{1,200}scrobj/ ascii wide nocase
    condition:
        filesize < 1MB and $a
}

rule Script_Certutil_Download
{
    meta:
        description = "Certutil is used to download a program"
        description_zh = "利用 certutil 下载程序"
        severity = "medium"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1105/"
    strings:
        $a = /certutil(\.exe)?["']?[ \t][^\r\n]{0,60}[-\/]urlcache[ \t][^\r\n]{0,40}https?:\/\/[^\r\n]{1,200}\.(exe|dll|ps1|vbs|bat|cmd|hta|scr|txt|b64)/ ascii wide nocase
    condition:
        filesize < 1MB and uint16(0) != 0x5A4D and $a
}

rule Script_Bitsadmin_Download
{
    meta:
        description = "Bitsadmin is used to download a program"
        description_zh = "利用 bitsadmin 下载程序"
        severity = "medium"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1197/"
    strings:
        $a = /bitsadmin(\.exe)?["']?[ \t][^\r\n]{0,60}\/(transfer|addfile)[ \t][^\r\n]{0,80}https?:\/\/[^\r\n]{1,200}\.(exe|dll|ps1|vbs|js|bat|cmd|hta|scr)/ ascii wide nocase
    condition:
        filesize < 1MB and uint16(0) != 0x5A4D and $a
}

rule Script_WSH_Dropper
{
    meta:
        description = "A Windows script downloads a file, saves it and runs it"
        description_zh = "Windows 脚本下载文件、保存并运行"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1059/005/"
    strings:
        $shell1 = "wscript.shell" ascii wide nocase
        $shell2 = "shell.application" ascii wide nocase
        $http1 = "msxml2.xmlhttp" ascii wide nocase
        $http2 = "msxml2.serverxmlhttp" ascii wide nocase
        $http3 = "winhttp.winhttprequest" ascii wide nocase
        $http4 = "microsoft.xmlhttp" ascii wide nocase
        $stream = "adodb.stream" ascii wide nocase
        $save = ".savetofile" ascii wide nocase
        $run = /\.(run|exec|shellexecute)[ \t(]/ ascii wide nocase
    condition:
        filesize < 1MB and uint16(0) != 0x5A4D and any of ($shell*) and any of ($http*) and $stream and $save and $run
}

rule Script_WSH_Obfuscated
{
    meta:
        description = "A Windows script that builds its commands from single character codes and runs them"
        description_zh = "Windows 脚本用字符编码拼接命令并执行"
        severity = "medium"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1027/"
    strings:
        $host1 = "createobject" ascii wide nocase
        $host2 = "activexobject" ascii wide nocase
        $host3 = "wscript." ascii wide nocase
        // eight characters in a row, in arithmetic or not; twenty in one list
        $chain = /(chrw?[ \t]*\([^()\r\n]{1,14}\)[ \t]*[&+][ \t]*){8}/ ascii wide nocase
        $list = /fromcharcode[ \t]*\([ \t]*([0-9]{1,5}[ \t]*,[ \t]*){20}/ ascii wide nocase
        $run = /\b(execute|executeglobal|eval)[ \t]*[( ]/ ascii wide nocase
    condition:
        filesize < 2MB and uint16(0) != 0x5A4D and any of ($host*) and $run and (#chain > 4 or #list > 2)
}

rule Script_Task_From_User_Folder
{
    meta:
        description = "Plans a task that runs a script interpreter on something in a temporary or user folder"
        description_zh = "创建计划任务，用脚本解释器运行临时或用户目录中的内容"
        severity = "medium"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1053/005/"
    strings:
        $a = /schtasks(\.exe)?["']?[ \t][^\r\n]{0,200}\/create[ \t][^\r\n]{0,300}(powershell|wscript|cscript|mshta|rundll32)[^\r\n]{0,300}(\\appdata\\|%appdata%|%temp%|\\temp\\|\\users\\public\\|%public%|%programdata%)/ ascii wide nocase
        $b = /schtasks(\.exe)?["']?[ \t][^\r\n]{0,200}\/create[ \t][^\r\n]{0,300}powershell[^\r\n]{0,200}-w(indowstyle)?[ \t]+hidden/ ascii wide nocase
    condition:
        filesize < 1MB and uint16(0) != 0x5A4D and any of them
}

rule Script_Run_Key_From_User_Folder
{
    meta:
        description = "Makes a script in a temporary or user folder start with Windows"
        description_zh = "让临时或用户目录中的脚本随 Windows 启动"
        severity = "medium"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1547/001/"
    strings:
        $reg = /reg(\.exe)?["']?[ \t]+add[ \t]+[^\r\n]{0,40}\\currentversion\\run(once)?["']?[ \t][^\r\n]{0,200}(\\appdata\\|%appdata%|%temp%|\\temp\\|\\users\\public\\|%public%)[^\r\n]{0,200}\.(vbs|vbe|js|jse|wsf|hta|bat|cmd|ps1|scr)/ ascii wide nocase
        $wsh = /\.regwrite[ \t(]+["'][^"'\r\n]{0,40}\\currentversion\\run(once)?\\[^\r\n]{0,200}(wscript|mshta|powershell|\.vbs|\.js|\.hta)/ ascii wide nocase
    condition:
        filesize < 1MB and uint16(0) != 0x5A4D and any of them
}

rule Script_LSASS_Dump
{
    meta:
        description = "Dumps the memory that holds Windows passwords"
        description_zh = "转储存有 Windows 密码的进程内存"
        severity = "critical"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1003/001/"
    strings:
        $a = /rundll32(\.exe)?["']?[ \t][^\r\n]{0,60}comsvcs(\.dll)?["']?[ \t,]{1,3}(minidump|#\+?0{0,4}24)[ \t]/ ascii wide nocase
        $b = /procdump(64)?(\.exe)?["']?[ \t][^\r\n]{0,40}-ma[ \t][^\r\n]{0,20}lsass/ ascii wide nocase
    condition:
        filesize < 1MB and any of them
}

rule Script_Event_Logs_Cleared
{
    meta:
        description = "Clears the Windows event logs"
        description_zh = "清除 Windows 事件日志"
        severity = "medium"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1070/001/"
    strings:
        $security = /wevtutil(\.exe)?["']?[ \t]+(cl|clear-log)[ \t]+["']?security/ ascii wide nocase
        $other = /wevtutil(\.exe)?["']?[ \t]+(cl|clear-log)[ \t]+["']?(system|application|setup)/ ascii wide nocase
    condition:
        filesize < 1MB and $security and $other
}
