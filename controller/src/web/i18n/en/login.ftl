## Logging in
login-title = Log in
login-name = Name
login-password = Password
login-go = Log in
login-help = The first name and its one-time password were printed by “keepwatch-controller init”. Others are made with “keepwatch users create”.
login-wrong = The name or the password is wrong.
login-wait = Too many wrong passwords. Wait a minute and try again.
