/* Documents that do more than be read. Rules on parts of zipped formats (docx, xlsx) work
   on flat XML and on the parts themselves, as an unpacker hands them over. */

rule Office_Macro_Starts_Program
{
    meta:
        description = "A macro that runs when the document opens and starts or downloads programs"
        description_zh = "文档打开时自动运行的宏，会启动或下载程序"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $project = "_VBA_PROJECT" wide
        $source = "Attribute VB_Name" ascii nocase
        $auto1 = /\b(auto_?(open|exec|close|new))\b/ ascii nocase
        $auto2 = /\b(document|workbook)_(open|close|beforeclose|activate)\b/ ascii nocase
        $do1 = "wscript.shell" ascii wide nocase
        $do2 = "urldownloadtofile" ascii wide nocase
        $do3 = "powershell" ascii wide nocase
        $do4 = "shellexecute" ascii wide nocase
        $do5 = "xmlhttp" ascii wide nocase
        $do6 = "adodb.stream" ascii wide nocase
        $do7 = "vbhide" ascii wide nocase
        $do8 = "win32_process" ascii wide nocase
        $do9 = "cmd.exe /c" ascii wide nocase
    condition:
        filesize < 30MB and ((uint32be(0) == 0xD0CF11E0 and $project) or $source) and any of ($auto*) and 2 of ($do*)
}

rule Office_DDE_Command
{
    meta:
        description = "A document field that starts a program through DDE"
        description_zh = "文档域通过 DDE 启动程序"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1559/002/"
    strings:
        $a = /\bDDE(AUTO)?[ \t]{1,4}(&quot;|["'])?[a-z]:[^\r\n]{0,60}(cmd|powershell|mshta|wscript|cscript|rundll32|msbuild)(\.exe)?/ ascii wide nocase
        $b = /\bDDEAUTO[ \t]{1,4}(&quot;|["'])?(cmd|powershell|mshta)(\.exe)?/ ascii wide nocase
    condition:
        filesize < 30MB and any of them
}

rule Office_Formula_Starts_Program
{
    meta:
        description = "A spreadsheet or CSV cell whose formula starts a program"
        description_zh = "表格或 CSV 单元格公式会启动程序"
        severity = "high"
        author = "Keepwatch"
        reference = "https://owasp.org/www-community/attacks/CSV_Injection"
    strings:
        $a = /[=+@-](cmd|powershell|mshta|rundll32|msexcel|wscript)(\.exe)?\|['"]{0,2}[ \t]*[^\r\n!]{1,200}['"]{0,2}!['"]?[a-z_]{1,3}[0-9]{0,3}/ ascii wide nocase
    condition:
        filesize < 20MB and $a
}

rule Office_Remote_Template
{
    meta:
        description = "A document that fetches its template from the web when opened"
        description_zh = "文档打开时从网络获取模板"
        severity = "medium"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1221/"
    strings:
        $a = /relationships\/attachedTemplate"[^<>]{1,60}Target="(https?:\/\/|\\\\|file:\/\/[^\/"])[^"<>]{3,400}"[^<>]{0,60}TargetMode="External"/ ascii nocase
        $rtf = /\{\\\*\\template[ \t]{1,3}(https?:\/\/|\\u-?[0-9]{2,5})/ ascii nocase
    condition:
        filesize < 20MB and ($a or (uint32be(0) == 0x7B5C7274 and $rtf))
}

rule Office_External_OLE_Link
{
    meta:
        description = "A document that loads an active object from the web"
        description_zh = "文档从网络加载活动对象"
        severity = "high"
        author = "Keepwatch"
        reference = "https://nvd.nist.gov/vuln/detail/CVE-2021-40444"
    strings:
        $a = /relationships\/(oleObject|frame)"[^<>]{1,60}Target="(mhtml:)?https?:\/\/[^"<>]{3,400}"[^<>]{0,60}TargetMode="External"/ ascii nocase
    condition:
        filesize < 20MB and $a
}

rule Office_Support_Tool_Exploit
{
    meta:
        description = "Calls the Windows support diagnostic tool with a command in its answer (Follina)"
        description_zh = "借 Windows 支持诊断工具执行命令 (Follina 漏洞)"
        severity = "critical"
        author = "Keepwatch"
        reference = "https://nvd.nist.gov/vuln/detail/CVE-2022-30190"
    strings:
        $tool = /ms-msdt:\/?["']?(-id|id|\/id|%20)/ ascii wide nocase
        $answer = "IT_BrowseForFile" ascii wide nocase
        $command = "$(" ascii wide
    condition:
        filesize < 5MB and all of them
}

rule Rtf_Equation_Exploit
{
    meta:
        description = "An RTF document that activates the old equation editor by itself"
        description_zh = "RTF 文档自动激活旧版公式编辑器"
        severity = "high"
        author = "Keepwatch"
        reference = "https://nvd.nist.gov/vuln/detail/CVE-2017-11882"
    strings:
        $data = "\\objdata" ascii nocase
        $update = "\\objupdate" ascii nocase
        $name = "4571756174696f6e2e33" ascii nocase
        $class = "02ce020000000000c000000000000046" ascii nocase
        $plain = "Equation.3" ascii nocase
    condition:
        uint32be(0) == 0x7B5C7274 and filesize < 20MB and $data and $update and any of ($name, $class, $plain)
}

rule Rtf_Embedded_Executable
{
    meta:
        description = "An RTF document that carries a Windows program"
        description_zh = "RTF 文档内嵌 Windows 程序"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1027/009/"
    strings:
        $data = "\\objdata" ascii nocase
        // "This program cannot be run in DOS mode" as the hexadecimal text that RTF uses
        $stub = "546869732070726f6772616d2063616e6e6f742062652072756e20696e20444f53206d6f6465" ascii nocase
    condition:
        uint32be(0) == 0x7B5C7274 and $data and $stub
}

rule OneNote_Embedded_Program
{
    meta:
        description = "A OneNote section that carries a program or script"
        description_zh = "OneNote 分区内嵌程序或脚本"
        severity = "high"
        author = "Keepwatch"
        reference = "https://learn.microsoft.com/openspecs/office_file_formats/ms-onestore/"
    strings:
        // FileDataStoreObject: its identifier, twenty bytes of lengths, then the file
        $exe = { E7 16 E3 BD 65 26 11 45 A4 C4 8D 4D 0B 7A 9E AC [20] 4D 5A }
        $lnk = { E7 16 E3 BD 65 26 11 45 A4 C4 8D 4D 0B 7A 9E AC [20] 4C 00 00 00 01 14 02 00 }
        $object = { E7 16 E3 BD 65 26 11 45 A4 C4 8D 4D 0B 7A 9E AC }
        $script1 = "<script" ascii nocase
        $script2 = "wscript.shell" ascii nocase
        $script3 = "powershell" ascii nocase
        $script4 = "@echo off" ascii nocase
    condition:
        uint32be(0) == 0xE4525C7B and uint32be(4) == 0x8CD8A74D and
        ($exe or $lnk or ($object and 2 of ($script*)))
}

rule Pdf_Launches_Program
{
    meta:
        description = "A PDF that starts a program when opened"
        description_zh = "PDF 打开时启动程序"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $magic = "%PDF-"
        $open1 = "/OpenAction" ascii
        $open2 = /\/AA[ \t\r\n]{0,4}<</ ascii
        $launch = /\/S[ \t\r\n]{0,3}\/Launch\b/ ascii
        $program = /\/(F|Win)[ \t\r\n]{0,3}(<<|\()[^>]{0,200}(cmd|powershell|mshta|wscript|rundll32)(\.exe)?/ ascii nocase
    condition:
        $magic in (0..1024) and any of ($open*) and $launch and $program
}

rule Pdf_Drops_Attachment
{
    meta:
        description = "A PDF whose script saves and opens its own attachment"
        description_zh = "PDF 脚本导出并打开自身附件"
        severity = "high"
        author = "Keepwatch"
    strings:
        $magic = "%PDF-"
        $script = "/JavaScript" ascii
        $drop = /exportDataObject[ \t\r\n]{0,3}\([^)]{0,200}nLaunch[\\"']{0,3}[ \t]{0,3}:[ \t]{0,3}2/ ascii nocase
    condition:
        $magic in (0..1024) and $script and $drop
}
