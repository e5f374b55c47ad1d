## Logging in
login-title = Log in
login-name = Name
login-password = Password
login-go = Log in
login-help = The first name and its one-time password were printed by “keepwatch-controller init”. Ask an administrator for yours.
login-wrong = The name or the password is wrong.
login-wait = Too many wrong passwords. Wait a minute and try again.
login-ended = Your session has ended. Log in again: what you had filled in comes along.
login-ended-files = Your session has ended. Log in again: what you had typed comes along; the files have to be chosen again.
login-resume-title = You are logged in again
login-resume-help = What you sent before was not done, since your session had ended. Send it now?
login-resume-send = Send it now
login-resume-leave = Leave it
