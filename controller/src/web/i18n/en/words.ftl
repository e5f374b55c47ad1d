## Times, sizes, counts
time-never = never
time-now = just now
time-minutes = { $n ->
    [one] { $n } minute ago
   *[other] { $n } minutes ago
  }
time-hours = { $n ->
    [one] { $n } hour ago
   *[other] { $n } hours ago
  }
time-days = { $n ->
    [one] { $n } day ago
   *[other] { $n } days ago
  }
time-soon = any moment
time-in-minutes = { $n ->
    [one] in { $n } minute
   *[other] in { $n } minutes
  }
time-in-hours = { $n ->
    [one] in { $n } hour
   *[other] in { $n } hours
  }
time-in-days = { $n ->
    [one] in { $n } day
   *[other] in { $n } days
  }
span-seconds = { $n } s
span-minutes = { $n } min
span-hours = { $hours } h { $minutes } min
count-files = { $n ->
    [one] { $n } file
   *[other] { $n } files
  }
count-stored = { $size } new
count-detected = { $n ->
    [one] { $n } file detected
   *[other] { $n } files detected
  }
count-failed = { $n ->
    [one] { $n } file could not be read
   *[other] { $n } files could not be read
  }
count-skipped = { $n } left out
state-protected = Protected
state-attention = Needs attention
state-at-risk = At risk
state-unknown = Unknown
connected = Connected
disconnected = Off or away
signatures-version = Version { $version }
signatures-from = v{ $version }, { $when }
none = none
month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December

group-all = All PCs
zone-beijing = Beijing time (UTC+8)
zone-of = { $zone } time
