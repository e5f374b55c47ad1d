/* Programs that show what they are for, or hide it. */
import "pe"
import "math"

rule Pe_Upx_Unsigned
{
    meta:
        description = "A packed program without signature or version: often unwanted, sometimes just small"
        description_zh = "加壳且无签名、无版本信息的程序：多为不受欢迎软件，也可能只是压缩"
        severity = "low"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1027/002/"
    strings:
        $upx = "UPX!" ascii
    condition:
        uint16(0) == 0x5A4D and $upx in (0..4096) and pe.sections.len() >= 2 and
        pe.sections[0].name == "UPX0" and pe.sections[1].name == "UPX1" and
        pe.signatures.len() == 0 and pe.number_of_version_infos == 0
}

rule Pe_No_Imports_High_Entropy
{
    meta:
        description = "A program that names no function it uses and is all noise: packed to hide"
        description_zh = "无导入函数且熵值很高的程序：为隐藏而加壳"
        severity = "medium"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1027/002/"
    condition:
        uint16(0) == 0x5A4D and filesize > 8KB and filesize < 20MB and pe.is_pe and
        pe.number_of_imports == 0 and pe.sections.len() > 0 and pe.entry_point > 0 and
        (pe.subsystem == pe.SUBSYSTEM_WINDOWS_GUI or pe.subsystem == pe.SUBSYSTEM_WINDOWS_CUI) and
        pe.characteristics & pe.DLL == 0 and pe.signatures.len() == 0 and
        math.entropy(0, filesize) > 7.2
}

rule Pe_Injects_Into_Others
{
    meta:
        description = "A bare, unsigned program that writes code into other processes"
        description_zh = "无签名、无资源的程序，向其他进程写入代码"
        severity = "medium"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1055/"
    condition:
        uint16(0) == 0x5A4D and filesize < 2MB and
        pe.imports("kernel32.dll", "VirtualAllocEx") and pe.imports("kernel32.dll", "WriteProcessMemory") and
        (pe.imports("kernel32.dll", "CreateRemoteThread") or pe.imports("kernel32.dll", "QueueUserAPC")) and
        pe.signatures.len() == 0 and pe.number_of_version_infos == 0
}

rule Pe_Reflective_Loader
{
    meta:
        description = "A library built to be loaded from memory, without a file"
        description_zh = "专为内存加载而构建的库，不落盘运行"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1620/"
    strings:
        $name = /\x00[_?]?ReflectiveLoader(@4|@@YA[A-Z_]{1,12})?\x00/ ascii
    condition:
        uint16(0) == 0x5A4D and pe.is_pe and pe.characteristics & pe.DLL != 0 and $name
}

rule Pe_Keylogger
{
    meta:
        description = "A program that records the keys pressed"
        description_zh = "记录键盘输入的程序"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1056/001/"
    strings:
        $watch1 = "GetAsyncKeyState" ascii wide
        $watch2 = "SetWindowsHookEx" ascii wide
        $watch3 = "GetKeyboardState" ascii wide
        $title = "GetForegroundWindow" ascii wide
        $key1 = /[\[<{](ENTER|RETURN)[\]>}]/ ascii wide nocase
        $key2 = /[\[<{](BACKSPACE|BACK|BKSP)[\]>}]/ ascii wide nocase
        $key3 = /[\[<{](CAPS ?LOCK|CAPITAL)[\]>}]/ ascii wide nocase
        $key4 = /[\[<{](CTRL|CONTROL|LCTRL|LCONTROL)[\]>}]/ ascii wide nocase
        $key5 = /[\[<{]TAB[\]>}]/ ascii wide nocase
        $key6 = /[\[<{](ESC|ESCAPE)[\]>}]/ ascii wide nocase
    condition:
        uint16(0) == 0x5A4D and filesize < 10MB and any of ($watch*) and $title and 4 of ($key*)
}

rule Pe_Password_Stealer
{
    meta:
        description = "A program that looks for stored passwords, wallets and chat sessions"
        description_zh = "搜寻浏览器密码、钱包与聊天会话的程序"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1555/003/"
    strings:
        $a1 = "\\Google\\Chrome\\User Data" ascii wide nocase
        $a2 = "\\Login Data" ascii wide nocase
        $a3 = "encrypted_key" ascii wide nocase
        $a4 = "\\Mozilla\\Firefox\\Profiles" ascii wide nocase
        $a5 = "logins.json" ascii wide nocase
        $b1 = "\\Telegram Desktop\\tdata" ascii wide nocase
        $b2 = "wallet.dat" ascii wide nocase
        $b3 = "\\Electrum\\wallets" ascii wide nocase
        $b4 = "\\FileZilla\\recentservers.xml" ascii wide nocase
        $b5 = "\\discord\\Local Storage\\leveldb" ascii wide nocase
        $b6 = "Software\\Martin Prikryl\\WinSCP 2\\Sessions" ascii wide nocase
        $b7 = "\\Exodus\\exodus.wallet" ascii wide nocase
    condition:
        uint16(0) == 0x5A4D and filesize < 20MB and 3 of ($a*) and 2 of ($b*)
}

rule Credential_Tool_Mimikatz
{
    meta:
        description = "Mimikatz, or a script that drives it: reads passwords from memory"
        description_zh = "Mimikatz 或其调用脚本：从内存读取密码"
        severity = "critical"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/software/S0002/"
    strings:
        $a = "sekurlsa::logonpasswords" ascii wide nocase
        $b = "privilege::debug" ascii wide nocase
        $c = "lsadump::" ascii wide nocase
        $d = "gentilkiwi" ascii wide nocase
        $e = "kuhl_m_sekurlsa" ascii wide nocase
        $f = "Invoke-Mimikatz" ascii wide nocase
        $g = "kerberos::golden" ascii wide nocase
    condition:
        filesize < 10MB and (
            (uint16(0) == 0x5A4D and 3 of them) or
            (filesize < 64KB and $a and $b) or
            (filesize > 100KB and uint16(0) != 0x5A4D and $f and ($e or ($a and $d)))
        )
}

rule Miner_Program
{
    meta:
        description = "A program that mines cryptocurrency"
        description_zh = "加密货币挖矿程序"
        severity = "medium"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1496/"
    strings:
        $pool1 = "stratum+tcp://" ascii wide nocase
        $pool2 = "stratum+ssl://" ascii wide nocase
        $a = "xmrig" ascii wide nocase
        $b = "donate-level" ascii wide nocase
        $c = "randomx" ascii wide nocase
        $d = "cryptonight" ascii wide nocase
        $e = "nicehash" ascii wide nocase
        $f = "mining.subscribe" ascii wide nocase
        $g = "hashrate" ascii wide nocase
    condition:
        (uint16(0) == 0x5A4D or uint32be(0) == 0x7F454C46) and any of ($pool*) and 3 of ($a, $b, $c, $d, $e, $f, $g)
}

rule Miner_Config
{
    meta:
        description = "Settings or a command line that send this machine's work to a mining pool"
        description_zh = "把本机算力送往矿池的配置或命令行"
        severity = "medium"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1496/"
    strings:
        $json1 = /"donate-level"[ \t]*:/ ascii wide nocase
        $json2 = /"pools"[ \t]*:/ ascii wide nocase
        $json3 = /"(algo|coin|rig-id|nicehash)"[ \t]*:/ ascii wide nocase
        $json4 = /"user"[ \t]*:[ \t]*"[48][0-9A-Za-z]{94}/ ascii wide
        $line = /(-o|--url)[ =]["']?stratum\+(tcp|ssl|tls):\/\/[^\r\n]{3,200}[ ](-u|--user)[ =]/ ascii wide nocase
    condition:
        filesize < 256KB and uint16(0) != 0x5A4D and ($line or ($json1 and $json2 and $json3) or ($json2 and $json4))
}

rule Miner_In_Web_Page
{
    meta:
        description = "A web page that mines cryptocurrency in the reader's browser"
        description_zh = "在访问者浏览器中挖矿的网页"
        severity = "medium"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1496/"
    strings:
        $new = /new[ \t]+(CoinHive|CryptoLoot|CoinImp|deepMiner|Client)\.(Anonymous|User|Token)[ \t]*\([ \t]*['"][A-Za-z0-9]{16,80}['"]/ ascii
        $start = /\.start[ \t]*\(/ ascii
    condition:
        filesize < 2MB and all of them
}
