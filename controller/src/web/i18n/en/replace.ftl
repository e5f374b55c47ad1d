## A replaced PC
replace-title = Replace a PC
replace-step-old = The old PC
replace-step-new = The new PC
replace-step-sure = Make sure
replace-step-files = Its files
replace-which-old = Which PC is gone?
replace-which-new = Which PC takes its place?
replace-old-help = Lost, broken or retired. Its backups stay.
replace-new-help = Enrol the new PC first, with a token. It then stands here on top.
replace-silent-first = Silent the longest come first
replace-newest-first = Enrolled last come first
replace-no-new = There is no other PC. Enrol the new one first, with a token.
replace-old = Old PC:
replace-new = New PC
replace-other = Another one
replace-seen = last heard of
replace-sure = Is that right?
replace-inherits = The new PC inherits:
replace-group = its group, and with that its schedule:
replace-snapshots = all that was backed up:
replace-count = { $n ->
    [one] { $n } snapshot
   *[other] { $n } snapshots
  }
replace-newest = the newest
replace-cut = The old PC is cut off for good: it can no longer connect. Its snapshots stay as they are. This cannot be undone.
replace-connected = The old PC is connected at this moment. Is it really the one that is gone?
replace-go = Replace it
replace-back = Choose another
replace-wrong = It was not done:
notice-replaced = The new PC has taken over. The old one had no snapshot that could be restored.
