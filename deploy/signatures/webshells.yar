/* Pages that take commands from whoever asks. */

rule Webshell_Php_One_Line
{
    meta:
        description = "A PHP page that runs whatever a visitor sends"
        description_zh = "PHP 一句话木马"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
    strings:
        $a = /<\?(php|=)?[ \t\r\n]{0,40}@?[ \t]*(eval|assert|system|passthru|shell_exec|exec|popen)[ \t]*\([ \t]*(base64_decode[ \t]*\([ \t]*)?@?\$(_|\{["']?_)(POST|GET|REQUEST|COOKIE)["'}]{0,2}[ \t]*[\[{]/ ascii nocase
        $b = /@(eval|assert)[ \t]*\([ \t]*(base64_decode[ \t]*\([ \t]*)?\$_(POST|GET|REQUEST|COOKIE)[ \t]*\[/ ascii nocase
    condition:
        filesize < 1MB and any of them
}

rule Webshell_Php_Packed
{
    meta:
        description = "A PHP page that unpacks its code several times over and runs it"
        description_zh = "多层解码后执行的 PHP 页面"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
    strings:
        $php = "<?" ascii
        $a = /\b(eval|assert)[ \t]*\([ \t]*(gzinflate|gzuncompress|gzdecode|str_rot13|base64_decode|strrev)[ \t]*\([ \t]*(base64_decode|str_rot13|gzinflate|gzuncompress|strrev)[ \t]*\(/ ascii nocase
    condition:
        filesize < 5MB and all of them
}

rule Webshell_Php_Encrypted_Channel
{
    meta:
        description = "A PHP page that decrypts and runs what is posted to it"
        description_zh = "解密请求内容并执行的 PHP 木马（冰蝎类）"
        severity = "critical"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
    strings:
        $php = "<?php" ascii nocase
        $input = /file_get_contents[ \t]*\([ \t]*["']php:\/\/input["'][ \t]*\)/ ascii nocase
        $key = /\$_SESSION[ \t]*\[[ \t]*["']?[a-z]{1,8}["']?[ \t]*\][ \t]*=[ \t]*\$[a-z]{1,8}[ \t]*;/ ascii nocase
        $decrypt1 = "openssl_decrypt" ascii nocase
        $decrypt2 = /\$[a-z]{1,12}\[\$i\][ \t]*=[ \t]*\$[a-z]{1,12}\[\$i\][ \t]*\^[ \t]*\$[a-z]{1,8}\[/ ascii nocase
        $run = /\b(eval|assert|call_user_func|create_function)[ \t]*\(/ ascii nocase
    condition:
        filesize < 64KB and $php and $input and $key and any of ($decrypt*) and $run
}

rule Webshell_Asp_One_Line
{
    meta:
        description = "An ASP page that runs whatever a visitor sends"
        description_zh = "ASP/ASPX 一句话木马"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/software/S0020/"
    strings:
        $a = /<%[ \t\r\n]{0,40}(eval|execute|executeglobal)[ \t(]{1,4}request[ \t]*(\.(item|form|querystring)[ \t]*)?[\[(]/ ascii wide nocase
        $b = /\beval[ \t]*\([ \t]*(system\.text\.encoding\.[^\r\n]{1,80})?request\.(item|form|querystring)[ \t]*\[[^\]\r\n]{1,40}\][^\r\n]{0,20},[ \t]*["']unsafe["']/ ascii wide nocase
    condition:
        filesize < 1MB and any of them
}

rule Webshell_Jsp_Command
{
    meta:
        description = "A JSP page that runs the command a visitor sends"
        description_zh = "执行访问者命令的 JSP 木马"
        severity = "high"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
    strings:
        $jsp = "<%" ascii
        $a = /(Runtime\.getRuntime\(\)[ \t]*\.exec|new[ \t]+ProcessBuilder)[ \t]*\([ \t]*(new[ \t]+String\[\][ \t]*\{[^}\r\n]{0,60})?request\.getParameter[ \t]*\(/ ascii
    condition:
        filesize < 1MB and all of them
}

rule Webshell_Jsp_Class_Loader
{
    meta:
        description = "A JSP page that decrypts and loads code posted to it"
        description_zh = "解密并加载请求中代码的 JSP 木马（冰蝎、哥斯拉类）"
        severity = "critical"
        author = "Keepwatch"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
    strings:
        $jsp = "<%" ascii
        $loader = /extends[ \t]+ClassLoader/ ascii
        $define = "defineClass(" ascii
        $cipher1 = "Cipher.getInstance(" ascii
        $cipher2 = "SecretKeySpec(" ascii
        $input1 = "request.getReader(" ascii
        $input2 = "request.getInputStream(" ascii
        $input3 = "request.getParameter(" ascii
    condition:
        filesize < 256KB and $jsp and $loader and $define and any of ($cipher*) and any of ($input*)
}
