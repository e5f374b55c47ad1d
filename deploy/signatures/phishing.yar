/* Pages and mails that fish for passwords or hand over programs. */

rule Html_Smuggling
{
    meta:
        description = "A web page that builds a program or archive from its own text and saves it"
        description_zh = "网页用自身文本拼出程序或压缩包并保存到本机"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1027/006/"
    strings:
        $html = /<(html|script|body|svg)[ >]/ ascii nocase
        $decode1 = "atob(" ascii
        $decode2 = "fromCharCode" ascii
        $blob = /new[ \t]+Blob[ \t]*\(/ ascii
        $save1 = "createObjectURL" ascii
        $save2 = "msSaveOrOpenBlob" ascii
        $save3 = "msSaveBlob" ascii
        $click1 = ".click()" ascii
        $click2 = "dispatchEvent(" ascii
        // Base64 of a zip, a program, a RAR, a 7z or a disk image
        $payload = /["'`](UEsDB|TVqQA|TVpQA|UmFyIRoH|N3q8ryc)[A-Za-z0-9+\/\r\n]{200}/ ascii
        $image = /Q0QwMDEB[A-Za-z0-9+\/]{100}/ ascii
    condition:
        filesize < 30MB and $html and any of ($decode*) and $blob and any of ($save*) and any of ($click*) and
        ($payload or $image)
}

rule Html_Password_Sent_To_Stranger
{
    meta:
        description = "A page on this disk that asks for a password and sends it to a bare address or a free form service"
        description_zh = "本地网页索要密码并发送到裸 IP 或免费表单服务"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1566/001/"
    strings:
        $password = /<input[^<>]{0,200}type[ ]?=[ ]?["']?password/ ascii nocase
        $ip = /<form[^<>]{0,300}action[ ]?=[ ]?["']?https?:\/\/[0-9]{1,3}(\.[0-9]{1,3}){3}[:\/]/ ascii nocase
        $own = /<form[^<>]{0,300}action[ ]?=[ ]?["']?https?:\/\/(127\.|10\.|192\.168\.|172\.(1[6-9]|2[0-9]|3[01])\.|169\.254\.)/ ascii nocase
        $service = /<form[^<>]{0,300}action[ ]?=[ ]?["']?https?:\/\/([a-z0-9-]{1,40}\.)?(formspree\.io|submit-form\.com|formsubmit\.co|getform\.io|formcarry\.com|000webhostapp\.com|webhook\.site|ngrok\.io|ngrok-free\.app)\// ascii nocase
    condition:
        filesize < 5MB and $password and (($ip and not $own) or $service)
}

rule Html_Password_Sent_To_Telegram
{
    meta:
        description = "A page that asks for a password and sends it to a Telegram bot"
        description_zh = "网页索要密码并发送给 Telegram 机器人"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1567/"
    strings:
        $password = /type[ ]?=[ ]?["']?password/ ascii nocase
        $bot1 = "api.telegram.org/bot" ascii nocase
        $bot2 = "YXBpLnRlbGVncmFtLm9yZy9ib3" ascii
        $send = "sendMessage" ascii nocase
    condition:
        filesize < 5MB and $password and any of ($bot*) and $send
}

rule Html_Opens_Remote_Folder
{
    meta:
        description = "A link that shows a stranger's network folder as if it were a local search"
        description_zh = "链接把陌生网络共享伪装成本机搜索结果"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1204/001/"
    strings:
        $a = /search(-ms)?:[^"'<>\r\n]{0,300}crumb=location:(\\\\|%5c%5c|https?:|%68%74%74%70)/ ascii wide nocase
    condition:
        filesize < 5MB and $a
}

rule Url_Shortcut_To_Remote_Program
{
    meta:
        description = "An internet shortcut that starts a program or script on a remote share"
        description_zh = "Internet 快捷方式指向远程共享上的程序或脚本"
        severity = "high"
        author = "Keepwatch"
        reference = "https://nvd.nist.gov/vuln/detail/CVE-2023-36025"
    strings:
        $kind = "[InternetShortcut]" ascii nocase
        $target = /URL[ ]?=[ ]?(file:\/{2,5}|\\\\)[a-z0-9-]{1,60}(\.[a-z0-9-]{1,60}){1,6}(@(ssl|[0-9]{2,5}))?[\/\\][^\r\n]{1,300}\.(exe|scr|cmd|bat|vbs|js|hta|lnk|url|msi|cpl|wsf|zip)/ ascii nocase
    condition:
        filesize < 16KB and all of them
}

rule Phishing_Subsidy_Notice_Chinese
{
    meta:
        description = "A false notice of a wage subsidy that leads to a QR code and asks for bank card details"
        description_zh = "冒充补贴发放通知，诱导扫码并填写银行卡信息"
        severity = "medium"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1566/"
    strings:
        $subsidy1 = { E8 A1 A5 E8 B4 B4 } // 补贴 utf-8
        $subsidy2 = { B2 B9 CC F9 } // 补贴 gb18030
        $subsidy3 = { 65 88 34 8D } // 补贴 utf-16-le
        $subsidy4 = { E6 B4 A5 E8 B4 B4 } // 津贴 utf-8
        $subsidy5 = { BD F2 CC F9 } // 津贴 gb18030
        $subsidy6 = { 25 6D 34 8D } // 津贴 utf-16-le
        $qr1 = { E4 BA 8C E7 BB B4 E7 A0 81 } // 二维码 utf-8
        $qr2 = { B6 FE CE AC C2 EB } // 二维码 gb18030
        $qr3 = { 8C 4E F4 7E 01 78 } // 二维码 utf-16-le
        $qr4 = { E6 89 AB E7 A0 81 } // 扫码 utf-8
        $qr5 = { C9 A8 C2 EB } // 扫码 gb18030
        $qr6 = { 6B 62 01 78 } // 扫码 utf-16-le
        $card1 = { E9 93 B6 E8 A1 8C E5 8D A1 } // 银行卡 utf-8
        $card2 = { D2 F8 D0 D0 BF A8 } // 银行卡 gb18030
        $card3 = { F6 94 4C 88 61 53 } // 银行卡 utf-16-le
        $card4 = { E5 8D A1 E5 8F B7 } // 卡号 utf-8
        $card5 = { BF A8 BA C5 } // 卡号 gb18030
        $card6 = { 61 53 F7 53 } // 卡号 utf-16-le
        $late1 = { E9 80 BE E6 9C 9F E8 A7 86 E4 B8 BA } // 逾期视为 utf-8
        $late2 = { D3 E2 C6 DA CA D3 CE AA } // 逾期视为 gb18030
        $late3 = { 3E 90 1F 67 C6 89 3A 4E } // 逾期视为 utf-16-le
        $late4 = { E9 80 BE E6 9C 9F E6 9C AA } // 逾期未 utf-8
        $late5 = { D3 E2 C6 DA CE B4 } // 逾期未 gb18030
        $late6 = { 3E 90 1F 67 2A 67 } // 逾期未 utf-16-le
        $late7 = { E8 A7 86 E4 B8 BA E8 87 AA E5 8A A8 E6 94 BE E5 BC 83 } // 视为自动放弃 utf-8
        $late8 = { CA D3 CE AA D7 D4 B6 AF B7 C5 C6 FA } // 视为自动放弃 gb18030
        $late9 = { C6 89 3A 4E EA 81 A8 52 3E 65 03 5F } // 视为自动放弃 utf-16-le
    condition:
        filesize < 1MB and any of ($subsidy*) and any of ($qr*) and any of ($card*) and any of ($late*)
}
