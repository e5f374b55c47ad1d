## Taking in PCs
enrol-title = Enrol PCs
enrol-new = A new token
enrol-another = Another token
enrol-help = A token lets so many PCs in, for so long. The agent has to be installed on each of them.
enrol-uses = For how many PCs
enrol-days = Good for
term-day = a day
term-week = a week
term-month = 30 days
term-year = a year
enrol-by-rules = Rules may place the PCs in other groups
enrol-make = Make a token
enrol-wrong-uses = Write for how many PCs, from 1 to 10,000, and choose for how long.
enrol-paste = Paste one line on each PC
enrol-once = { $n ->
    [one] It is good for { $n } PC and ends { $until }. It is not shown again.
   *[other] It is good for { $n } PCs and ends { $until }. It is not shown again.
  }
enrol-linux = Linux, in a terminal
enrol-windows = Windows, in PowerShell as administrator
enrol-token-only = Only the token
enrol-then = A PC shows in the list as soon as it has enrolled:
copy = Copy
copied = Copied
enrol-tokens = Tokens that are good
enrol-no-tokens = There is none. Without one, no new PC can enrol.
enrol-left = { $n ->
    [one] for { $n } more PC
   *[other] for { $n } more PCs
  }
enrol-until = ends
enrol-made = made by { $user } { $when }
enrol-ruled = rules may place them
enrol-revoke = Revoke
enrol-spent = { $n ->
    [one] { $n } token is used up or has ended.
   *[other] { $n } tokens are used up or have ended.
  }
claims-title = PCs that ask to be let in
claims-help = Each proves that it has the key that it had. What it wants to tell waits until somebody decides.
claims-was = asks as
claims-decided = Decided lately
claim-expired = It was away for longer than its certificate is good.
claim-superseded = Its certificate was replaced: it was set back to an old image, or another PC has its identity.
claim-unknown = It enrolled after the copy that the database was restored from.
claim-copy = Another PC with the same identity was here: a disk was copied, or this PC was set back to an older image.
claim-ask-same = Let { $host } in as the PC that it was?
claim-ask-new = Let { $host } in as a PC of its own?
claim-ask-refuse = Refuse { $host }?
claim-about-same = It goes on with the backups that it has. Whoever else has that identity is shut out, and asks.
claim-about-new = It becomes a new PC with an empty repository. The other one stays as it is.
claim-about-refuse = It is not let in. That can be taken back: it goes on asking.
claim-do-same = It is the same
claim-do-new = It is a new one
claim-do-refuse = Refuse
claim-approved = let in by { $user }
claim-refused = refused by { $user }
notice-token-revoked = The token was revoked. PCs that have enrolled with it stay.
notice-let-in-same = The PC was let in as the one that it was.
notice-let-in-new = The PC was let in as a new one.
notice-claim-refused = The PC was refused.
