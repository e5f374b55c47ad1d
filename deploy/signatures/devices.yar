/* What arrives on sticks, in mail and from the web under a false name. */

rule Lnk_Starts_Script
{
    meta:
        description = "A shortcut whose arguments hide a window, decode or download"
        description_zh = "快捷方式的参数中隐藏窗口、解码或下载"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $shell1 = "powershell" ascii wide nocase
        $shell2 = "mshta" ascii wide nocase
        $shell3 = "cmd.exe" ascii wide nocase
        $shell4 = "pwsh" ascii wide nocase
        $do1 = /[-\/]w(i|in|ind|indowstyle)?[ ]+(hidden|1)\b/ wide nocase
        $do2 = /[-\/]e(c|nc|nco[a-z]{0,11})[ ]+[A-Za-z0-9+\/=]{40,}/ wide nocase
        $do3 = /\b(iex|iwr|irm|invoke-expression|invoke-webrequest|downloadstring|downloadfile)\b/ wide nocase
        $do4 = /mshta(\.exe)?[ ]+["']?https?:/ wide nocase
        $do5 = "frombase64string" wide nocase
        $do6 = /\bcurl(\.exe)?[ ][^\x00]{0,80}(h\x00t\x00t\x00p\x00|https?:)/ wide nocase
        $do7 = "javascript:" wide nocase
    condition:
        uint32(0) == 0x4C and uint32(4) == 0x00021401 and filesize < 5MB and any of ($shell*) and any of ($do*)
}

rule Lnk_Usb_Worm
{
    meta:
        description = "A shortcut that opens a folder and quietly starts a script beside it, as stick worms do"
        description_zh = "快捷方式打开文件夹的同时暗中启动脚本，U 盘蠕虫常见手法"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1091/"
    strings:
        $cmd = /\/(c|k|q)[ ]/ wide nocase
        $shell = "cmd.exe" ascii wide nocase
        $script = /(start[ ]|wscript(\.exe)?[ ]|rundll32(\.exe)?[ ]|msiexec(\.exe)?[ ])["']?[^\x00"&]{1,160}\.(v.?b.?s|v.?b.?e|j.?s|j.?s.?e|w.?s.?f|d.?l.?l|b.?a.?t|c.?m.?d|d.?a.?t|i.?n.?i)/ wide nocase
        $explorer = /(start[ ]+)?explorer(\.exe)?[ ]/ wide nocase
    condition:
        uint32(0) == 0x4C and uint32(4) == 0x00021401 and filesize < 64KB and $shell and $cmd and $script and $explorer
}

rule Autorun_Inf_Worm
{
    meta:
        description = "An autorun file that starts a script, or a program hidden in a recycle bin"
        description_zh = "autorun 文件启动脚本或藏在回收站中的程序"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1091/"
    strings:
        $kind = "[autorun]" ascii wide nocase
        $script = /(^|[\r\n])[ \t]*(open|shellexecute|shell\\[^\r\n=]{1,20}\\command)[ \t]*=[ \t]*[^\r\n]{0,120}\.(vbs|vbe|js|jse|wsf|bat|cmd|scr|pif|com|hta)\b/ ascii nocase
        $bin = /(^|[\r\n])[ \t]*(open|shellexecute|shell\\[^\r\n=]{1,20}\\command)[ \t]*=[ \t]*[^\r\n]{0,40}(recycler|recycled|\$recycle\.bin|system volume information)\\/ ascii nocase
    condition:
        filesize < 256KB and uint16(0) != 0x5A4D and $kind and any of ($script, $bin)
}

rule Executable_With_Double_Extension
{
    meta:
        description = "A program or script whose name pretends to be a document"
        description_zh = "程序或脚本用双扩展名伪装成文档"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1036/007/"
    condition:
        (uint16(0) == 0x5A4D and
         filename matches /\.(pdf|docx?|xlsx?|pptx?|wps|jpe?g|png|gif|txt|rtf|mp[34]|html?|csv)[ _]*\.(exe|scr|com|pif|cpl)$/i) or
        (filesize > 0 and
         filename matches /\.(pdf|docx?|xlsx?|pptx?|wps|jpe?g|png|gif|rtf|mp[34])[ _]*\.(vbs|vbe|jse|wsf|hta|bat|cmd)$/i)
}

rule Executable_With_Reversed_Name
{
    meta:
        description = "A program whose name is turned around by a hidden character, so that it seems a document"
        description_zh = "程序名中含反向书写字符，伪装成文档"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1036/002/"
    condition:
        filename contains "\xe2\x80\xae" and
        (uint16(0) == 0x5A4D or extension matches /^\.(exe|scr|com|pif|vbs|vbe|js|jse|wsf|hta|bat|cmd|lnk)$/i)
}

rule Executable_Posing_As_Document
{
    meta:
        description = "A Windows program under a document's or picture's extension"
        description_zh = "Windows 程序使用文档或图片扩展名"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1036/008/"
    condition:
        uint16(0) == 0x5A4D and filesize > 0x40 and uint32(0x3C) < 0x1000 and uint32(uint32(0x3C)) == 0x00004550 and
        extension matches /^\.(pdf|docx?|xlsx?|pptx?|wps|et|jpe?g|png|gif|bmp|txt|csv|rtf|mp[34]|html?)$/i
}
