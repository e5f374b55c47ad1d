## Policies
policies-title = Policies
policies-help = A policy says what a group's PCs must do. What a group does not say itself, it takes from the group above.
policies-none = Nobody has written a policy yet: every PC follows the product's defaults. Begin with the topmost group.
policies-column-policy = Policy
policies-column-changed = Last changed
policies-own = Its own
policies-inherits = as in
policies-default = product default
policy-of = Policy of { $group }
policy-edition = edition { $n }
policy-tab-group = What holds
policy-tab-edit = Edit
policy-tab-simulate = Forecast
policy-tab-history = History
policy-own = What this group says itself
policy-own-empty = Its document is empty: everything comes from the groups above.
policy-inherits = Nothing of its own. It goes by
policy-default = Nothing yet. The product's defaults below hold.
policy-edit = Edit
policy-write = Write one
policy-holds = What holds for its PCs
policy-holds-help = Each setting, with the group that says so.
policy-holds-default = No group has said anything on the way here: the product's defaults hold.
policy-column-field = Setting
policy-column-value = Value
policy-column-origin = From
policy-column-was = Now
policy-column-is = Then
policy-here = this group
policy-locked = locked by
policy-overruled = it is locked; without effect here:
policy-field = { $part } · { $field }
policy-text = The text
policy-yaml = Policy, as YAML
policy-yaml-help = Only what differs from the groups above. All settings and their names stand under “What holds”.
policy-why = Why (kept in the history; may be empty)
policy-check = Check what changes
policy-check-again = Check again
policy-try = Try it out for 14 days
policy-save = Save
policy-cancel = Cancel
policy-checked = Checked
policy-says-the-same = The text says the same as what is in place. There is nothing to save.
policy-unseen = The text has changed since it was checked. This is what it does now; save it if that is meant.
policy-no-effect = There is no PC here for which it makes a difference. It can be saved all the same.
policy-which-hosts = Which PCs
policy-changed-lines = Changed lines
policy-whole = The whole text
policy-wrong = This cannot be saved yet
policy-wrong-help = Your text is below as you typed it.
policy-overtaken = Somebody else changed this policy meanwhile
policy-overtaken-help = Nothing of yours is lost: your text is below. Put into it what you want to keep of theirs, then check it. Saving replaces their text, which stays in the history.
policy-theirs = What they changed
policy-yours = Your text, compared with theirs
policy-take-theirs = Go on from theirs instead
policy-draft = In this tab you typed something here that was not saved.
policy-draft-take = Bring it back
policy-draft-leave = Discard
policy-undo = Take up again
policy-undo-why = Back to { $edition }
policy-current = in force
policy-no-history = This group has never had a policy of its own.
policy-nothing-changed = It changed nothing in the text.
difference-gone = removed: 
difference-new = added: 
value-yes = yes
value-no = no
value-none = none
value-only-asked = only when asked
value-no-limit = no limit
part-general = General
part-scan = Scans
part-scan-timing = When scans may begin
part-backup = Backups
part-backup-timing = When backups may begin
part-backup-keep = Which snapshots are kept
part-signatures = Signatures
part-work = Work
field-time-zone = Time zone
field-schedule = Schedule
field-paths = Folders and files
field-excludes = Left out
field-max-file-bytes = Largest file
field-threads = Files at the same time
field-cpu-percent = Share of the processor (%)
field-unpack = Looks into archives
field-pause-on-battery = Pauses on battery
field-pause-when-busy = Pauses while the PC is busy
field-removable = Scans removable media
field-severities = Severities decided here
field-disabled = Rules not heard
field-allowed = Known and allowed
field-when-found = When something is found
field-quarantine-from = Quarantine from severity
field-scan = Scans what is saved
field-infected = Infected files
field-one-file-system = Stays on one file system
field-freeze = Reads a frozen state
field-bandwidth = Bandwidth
field-canaries = Decoy documents
field-quota-gib = Storage per PC (GiB)
field-group-quota-gib = Storage for all (GiB)
field-last = The newest
field-within-days = All of so many days
field-hourly = Hourly
field-daily = Daily
field-weekly = Weekly
field-monthly = Monthly
field-yearly = Yearly
field-timing-allowed = Hours allowed
field-timing-forbidden = Hours forbidden
field-timing-spread-minutes = Spread over (minutes)
field-timing-catch-up-hours = Made up for within (hours)
field-timing-not-on-battery = Not on battery
field-timing-not-on-metered = Not on metered lines
field-timing-only-when-idle = Only when nobody uses the PC
field-slot-grace-minutes = Waits for leave (minutes)
field-backups-at-once = Backups at once
field-retries = Tries again
field-begin-within-days = Begins within (days)
field-history-days = Jobs remembered (days)
field-after-hours = New signatures wait (hours)
simulate-title = What would run when
simulate-about = { $hosts }; times are in { $zone }
simulate-nothing = Nothing begins by itself in these days: there is no schedule, or no PC.
simulate-backups = Backups
simulate-scans = Scans
simulate-busiest = Busiest hour
simulate-stores = Adds
simulate-unknown = not known yet
simulate-hours = Hour by hour
simulate-hour = Hour
simulate-minute = Most in a minute
simulate-first = First PCs
weekday-mon = Mon
weekday-tue = Tue
weekday-wed = Wed
weekday-thu = Thu
weekday-fri = Fri
weekday-sat = Sat
weekday-sun = Sun
notice-policy-saved = The policy is in place. Each PC follows it as soon as it is connected.
policy-lines-same = { $n ->
    [one] { $n } line is the same
   *[other] { $n } lines are the same
  }
policy-hosts = { $n ->
    [one] { $n } PC
   *[other] { $n } PCs
  }
policy-hosts-more = { $n ->
    [one] and { $n } more
   *[other] and { $n } more
  }
policy-concerned = { $n ->
    [0] No PC changes
    [one] { $n } PC changes
   *[other] { $n } PCs change
  }
policy-older = { $n ->
    [one] { $n } older edition; “keepwatch policies history” shows it
   *[other] { $n } older editions; “keepwatch policies history” shows them
  }
simulate-days = { $n ->
    [one] { $n } day
   *[other] { $n } days
  }
simulate-left-out = { $n ->
    [one] { $n } schedule has too many runs; some are not counted.
   *[other] { $n } schedules have too many runs; some are not counted.
  }
policy-defaults = { $n ->
    [one] { $n } setting at the product's default
   *[other] { $n } settings at the product's defaults
  }
policy-examples = Examples to copy
example-backup = Back up on Wednesdays at 12:30
example-scan = Scan every day at 12:15
example-paths = What is backed up: all users' folders and one more
example-excludes = What is left out
example-hours = Backups begin only at midday on working days
example-locked = Groups below cannot change the backups' schedule
policy-tab-form = Set by form
policy-set = Set by form
policy-form-link = The common ones can be set by form, too.
policy-form-help = Fill in only what is to differ here; what is left empty is inherited. Nothing is saved yet: you see first what changes.
policy-form-comments = This group's document has comments (after “#”). If you change it by form, they are lost.
policy-form-locks = Locked against the groups below:
policy-form-yaml = Edit as YAML
policy-form-unreadable = This group's document cannot be read here. Correct it as YAML.
policy-form-kept = What you typed is below as you typed it.
policy-form-inherit = inherited
policy-form-inherited = Inherited: { $value } ({ $from })
policy-form-none = None (inherit nothing)
policy-form-how-often = How often
policy-form-daily = every day
policy-form-weekly = on days of the week
policy-form-other = otherwise (cron)
policy-form-at = At
policy-form-expression = Cron expression
policy-form-every-day = every day at { $time }
policy-form-on-days = { $days } at { $time }
policy-form-rate = { $n } KiB/s
policy-form-bounds = { $least } to { $most }
policy-form-size-help = With its unit, such as 256 MiB or 2 GiB
policy-form-rate-help = KiB a second, at all hours; 0: no limit
policy-form-lines-help = One per line
policy-form-number = Write a whole number from { $least } to { $most }.
policy-form-number-least = Write a whole number, { $least } or more.
policy-form-size = Write a number and its unit, such as 256 MiB or 2 GiB.
policy-form-choice = Choose one of those offered.
policy-form-lines = { $n ->
    [one] At most { $n } line is possible here.
   *[other] At most { $n } lines are possible here.
  }
policy-form-zone = There is no such time zone. Choose one of the list, such as Asia/Shanghai.
policy-form-both = Either write some, or tick that there are none.
policy-form-time = Write a time of the day, such as 12:40.
policy-form-days = Choose at least one day.
policy-form-cron = Write the five fields: minute, hour, day, month, day of the week.
policy-form-wrong = { $n ->
    [one] { $n } setting needs another look
   *[other] { $n } settings need another look
  }
policy-form-own = { $n ->
    [one] { $n } set here
   *[other] { $n } set here
  }
choice-report = report it
choice-quarantine = put it away (quarantine)
choice-keep = keep them, and say so
choice-leave_out = leave them out
