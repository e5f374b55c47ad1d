/* The letters that extortionists leave. Each needs a claim, a demand and a way to reach
   them, so that an article about them does not match. */

rule Ransom_Note_English
{
    meta:
        description = "A ransom note: files encrypted, payment demanded, a contact given"
        description_zh = "勒索信（英文）：声称文件已加密、索要赎金并留下联系方式"
        severity = "critical"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1486/"
    strings:
        $claim1 = /\b(all (of )?)?your (important |personal )?(files|documents|data|network|servers?)[^.\r\n]{0,60}(are|is|were|was|have been|has been) (now )?(encrypted|locked|stolen)/ ascii wide nocase
        $claim2 = /\bwe (have )?(encrypted|locked|stolen) (all )?(of )?your/ ascii wide nocase
        $pay1 = /\b(pay|payment|ransom|price|cost)\b/ ascii wide nocase
        $pay2 = /\b(bitcoins?|btc|monero|xmr)\b/ ascii wide nocase
        $reach1 = ".onion" ascii wide nocase
        $reach2 = /[a-z0-9._-]{3,40}@(proton(mail)?|tutanota|tuta|onionmail|cock|aol|mailfence|keemail|firemail|airmail|msgsafe)\.[a-z]{2,4}/ ascii wide nocase
        $reach3 = "tox id" ascii wide nocase
        $threat1 = /\b(do not|don't|never) (try to )?(rename|modify|decrypt|delete|move)/ ascii wide nocase
        $threat2 = /third[- ]party (software|tools?|decrypt)/ ascii wide nocase
        $threat3 = /\b(personal|unique|your) (id|key|identifier)\b[ :]/ ascii wide nocase
        $threat4 = /\b(decrypt|test)[^.\r\n]{0,30}(one|1|two|2|three|3) files?[^.\r\n]{0,20}free/ ascii wide nocase
    condition:
        filesize < 64KB and uint16(0) != 0x5A4D and any of ($claim*) and any of ($pay*) and any of ($reach*) and
        2 of ($threat*)
}

rule Ransom_Note_Chinese
{
    meta:
        description = "A ransom note in Chinese: files encrypted, payment demanded, a contact given"
        description_zh = "勒索信（中文）：声称文件已加密、索要赎金并留下联系方式"
        severity = "critical"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1486/"
    strings:
        $claim1 = { E6 96 87 E4 BB B6 E5 B7 B2 E8 A2 AB E5 8A A0 E5 AF 86 } // 文件已被加密 utf-8
        $claim2 = { CE C4 BC FE D2 D1 B1 BB BC D3 C3 DC } // 文件已被加密 gb18030
        $claim3 = { 87 65 F6 4E F2 5D AB 88 A0 52 C6 5B } // 文件已被加密 utf-16-le
        $claim4 = { E6 96 87 E4 BB B6 E5 B7 B2 E7 BB 8F E8 A2 AB E5 8A A0 E5 AF 86 } // 文件已经被加密 utf-8
        $claim5 = { CE C4 BC FE D2 D1 BE AD B1 BB BC D3 C3 DC } // 文件已经被加密 gb18030
        $claim6 = { 87 65 F6 4E F2 5D CF 7E AB 88 A0 52 C6 5B } // 文件已经被加密 utf-16-le
        $claim7 = { E6 96 87 E4 BB B6 E9 83 BD E8 A2 AB E5 8A A0 E5 AF 86 } // 文件都被加密 utf-8
        $claim8 = { CE C4 BC FE B6 BC B1 BB BC D3 C3 DC } // 文件都被加密 gb18030
        $claim9 = { 87 65 F6 4E FD 90 AB 88 A0 52 C6 5B } // 文件都被加密 utf-16-le
        $claim10 = { E6 96 87 E4 BB B6 E5 85 A8 E9 83 A8 E8 A2 AB E5 8A A0 E5 AF 86 } // 文件全部被加密 utf-8
        $claim11 = { CE C4 BC FE C8 AB B2 BF B1 BB BC D3 C3 DC } // 文件全部被加密 gb18030
        $claim12 = { 87 65 F6 4E 68 51 E8 90 AB 88 A0 52 C6 5B } // 文件全部被加密 utf-16-le
        $claim13 = { E6 95 B0 E6 8D AE E5 B7 B2 E8 A2 AB E5 8A A0 E5 AF 86 } // 数据已被加密 utf-8
        $claim14 = { CA FD BE DD D2 D1 B1 BB BC D3 C3 DC } // 数据已被加密 gb18030
        $claim15 = { 70 65 6E 63 F2 5D AB 88 A0 52 C6 5B } // 数据已被加密 utf-16-le
        $coin1 = { E6 AF 94 E7 89 B9 E5 B8 81 } // 比特币 utf-8
        $coin2 = { B1 C8 CC D8 B1 D2 } // 比特币 gb18030
        $coin3 = { D4 6B 79 72 01 5E } // 比特币 utf-16-le
        $coin4 = { E9 97 A8 E7 BD 97 E5 B8 81 } // 门罗币 utf-8
        $coin5 = { C3 C5 C2 DE B1 D2 } // 门罗币 gb18030
        $coin6 = { E8 95 57 7F 01 5E } // 门罗币 utf-16-le
        $coin7 = { E8 B5 8E E9 87 91 } // 赎金 utf-8
        $coin8 = { CA EA BD F0 } // 赎金 gb18030
        $coin9 = { 4E 8D D1 91 } // 赎金 utf-16-le
        $decrypt1 = { E8 A7 A3 E5 AF 86 } // 解密 utf-8
        $decrypt2 = { BD E2 C3 DC } // 解密 gb18030
        $decrypt3 = { E3 89 C6 5B } // 解密 utf-16-le
        $decrypt4 = { E6 81 A2 E5 A4 8D E6 96 87 E4 BB B6 } // 恢复文件 utf-8
        $decrypt5 = { BB D6 B8 B4 CE C4 BC FE } // 恢复文件 gb18030
        $decrypt6 = { 62 60 0D 59 87 65 F6 4E } // 恢复文件 utf-16-le
        $decrypt7 = { E6 81 A2 E5 A4 8D E6 95 B0 E6 8D AE } // 恢复数据 utf-8
        $decrypt8 = { BB D6 B8 B4 CA FD BE DD } // 恢复数据 gb18030
        // suppress: text_as_hex
        $decrypt9 = { 62 60 0D 59 70 65 6E 63 } // 恢复数据 utf-16-le
        $reach1 = ".onion" ascii wide nocase
        $reach2 = /[a-z0-9._-]{3,40}@[a-z0-9-]{2,30}\.[a-z]{2,6}/ ascii wide nocase
        $reach3 = /\b(bc1|[13])[a-km-zA-HJ-NP-Z1-9]{25,60}\b/ ascii wide
    condition:
        filesize < 64KB and uint16(0) != 0x5A4D and any of ($claim*) and any of ($coin*) and any of ($decrypt*) and
        any of ($reach*)
}

rule Ransom_Note_By_Name
{
    meta:
        description = "A file named like a ransom note that speaks of decryption"
        description_zh = "文件名与内容均类似勒索信"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1486/"
    strings:
        $en = /decrypt(ion|or|ing)?\b/ ascii wide nocase
        $named1 = { E8 A7 A3 E5 AF 86 } // 解密 utf-8
        $named2 = { BD E2 C3 DC } // 解密 gb18030
        $named3 = { E3 89 C6 5B } // 解密 utf-16-le
        $named4 = { E5 8A A0 E5 AF 86 } // 加密 utf-8
        $named5 = { BC D3 C3 DC } // 加密 gb18030
        $named6 = { A0 52 C6 5B } // 加密 utf-16-le
        $money1 = /\b(bitcoins?|btc|monero|ransom|tor browser)\b/ ascii wide nocase
        $money_zh1 = { E6 AF 94 E7 89 B9 E5 B8 81 } // 比特币 utf-8
        $money_zh2 = { B1 C8 CC D8 B1 D2 } // 比特币 gb18030
        $money_zh3 = { D4 6B 79 72 01 5E } // 比特币 utf-16-le
        $money_zh4 = { E8 B5 8E E9 87 91 } // 赎金 utf-8
        $money_zh5 = { CA EA BD F0 } // 赎金 gb18030
        $money_zh6 = { 4E 8D D1 91 } // 赎金 utf-16-le
        $money_zh7 = { E9 97 A8 E7 BD 97 E5 B8 81 } // 门罗币 utf-8
        $money_zh8 = { C3 C5 C2 DE B1 D2 } // 门罗币 gb18030
        $money_zh9 = { E8 95 57 7F 01 5E } // 门罗币 utf-16-le
    condition:
        filesize < 128KB and uint16(0) != 0x5A4D and any of ($en, $named*) and any of ($money*) and (
            filename matches /^[^a-z0-9]{0,8}(how[ _-]?to[ _-]?(back|restore|recover|decrypt|unlock)|restore[ _-]?my[ _-]?files|(read[ _-]?me[ _-])?(for|to)[ _-]decrypt|decrypt[ _-]?(info|instructions?|my[ _-]files|files)|recovery[ _-]?(instructions?|files)|files?[ _-]encrypted)[^\/]{0,40}\.(txt|html?|hta|url)$/i or
            filename matches /^.{0,12}(如何(恢复|解密)|解密(说明|方法)|文件(恢复|解密))[^\/]{0,40}\.(txt|html?|hta)$/
        )
}
