## The list of PCs
hosts-title = PCs
column-hosts = PCs
column-host = PC
column-state = State
column-connected = Connection
column-backup = Last backup
column-scan = Last scan
column-signatures = Signatures
column-detections = Open detections
hosts-filter = Narrow the list
hosts-search = Search
hosts-search-help = A part of a name, a former name, an id, an address or a system; or, for example: no-backup:10d offline
hosts-any = Any
hosts-show = Show
hosts-more-choices = More to narrow by
hosts-reason = Reason
hosts-chips = The list is narrowed by
hosts-chip = { $what }: { $value }
hosts-drop = , remove
hosts-drop-all = Show all
hosts-all = All
hosts-revoked = Cut off
hosts-range = { $from }–{ $to } of { $n }
hosts-none = No PC fits
hosts-cut-off = { $n ->
    [one] { $n } fits among those that were cut off
   *[other] { $n } fit among those that were cut off
  }
hosts-empty = No PC has been enrolled yet
hosts-empty-enrol = Make a token and paste one line on each PC. It shows here a moment later.
hosts-empty-ask = An administrator enrols PCs. They show here a moment later.
hosts-formerly = formerly { $name }
hosts-more-reasons = { $n } more
hosts-tick = Tick { $host }
hosts-tick-page = Tick all on this page
hosts-which = With which PCs
hosts-ticked = With those ticked
hosts-all-fitting = { $n ->
    [one] With the one that fits
   *[other] With all { $n } that fit
  }
hosts-move = Move …
link-on = Connected
link-off = Off or away
pager = Pages
pager-before = Before
pager-after = Next
pager-newest = Newest
pager-older = Earlier
## What is done with many of them
ask-scan = { $n ->
    [one] Scan { $n } PC?
   *[other] Scan { $n } PCs?
  }
ask-backup = { $n ->
    [one] Back up { $n } PC?
   *[other] Back up { $n } PCs?
  }
ask-verify = { $n ->
    [one] Try a restore on { $n } PC?
   *[other] Try a restore on { $n } PCs?
  }
ask-move = { $n ->
    [one] Move { $n } PC?
   *[other] Move { $n } PCs?
  }
about-scan = Each scans what its policy names, as soon as it is connected and nothing else is in the way.
about-backup = Each backs up what its policy names. The controller lets only so many begin at once.
about-verify = Each brings back some files of its newest backup beside the originals, compares them and removes them again.
about-move = What holds in the new group holds for them at once. From then on no rule moves them.
do-scan = Scan
do-backup = Back up
do-verify = Try a restore
do-move = Move
work-away = { $n ->
    [one] { $n } of them is off or away, and begins once it is back.
   *[other] { $n } of them are off or away, and begin once they are back.
  }
work-more = and { $n } more
work-back = Back to the list
work-not = Cancel
work-which = Which
work-to = Into the group
work-choose = Choose a group
work-no-group = Choose the group that they move into.
work-nobody = No PC was ticked
work-nobody-help = Go back and tick some, or choose all that fit. Those that were cut off are left out.
work-changed = Meanwhile the choice is of other PCs than those shown before. Look again and confirm.
work-asked = { $n ->
    [one] { $n } PC was asked
   *[other] { $n } PCs were asked
  }
work-refused = { $n ->
    [one] { $n } was not
   *[other] { $n } were not
  }
work-moved = { $n ->
    [one] { $n } PC is now in { $group }
   *[other] { $n } PCs are now in { $group }
  }
work-see-jobs = See the jobs
