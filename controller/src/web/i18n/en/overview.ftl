## The first page
overview-none = No PC is enrolled yet
overview-all = { $hosts ->
    [one] The one PC is protected
   *[other] All { $hosts } PCs are protected
  }
overview-some = { $protected ->
    [one] { $protected } of { $hosts } PCs is protected
   *[other] { $protected } of { $hosts } PCs are protected
  }; { $rest ->
    [one] { $rest } needs attention
   *[other] { $rest } need attention
  }
overview-wall = View for a large screen
overview-counts = PCs by state
overview-detections = Open detections
overview-storage = Backups take
overview-as-table = Show as table
overview-day = Day
overview-week = Week from
overview-trend = Not protected, over twelve weeks
overview-then = Four weeks ago, { $protected } of { $hosts } were protected.
overview-trend-begins = The record begins today; each day adds a bar.
overview-trend-about = How many PCs were at risk, needed attention or were unknown on each day of the last { $weeks } weeks; counted on { $days } of those days
overview-why = Why PCs are not protected
overview-why-none = There is no reason: all of them are.
overview-more-reasons = { $n ->
    [one] and one more reason
   *[other] and { $n } more reasons
  }
overview-places = Where to look first
overview-place = Department
overview-protected = Protected
overview-no-place = In no department
overview-directly = { $group } (directly)
overview-more-places = { $n ->
    [one] One more department
   *[other] { $n } more departments
  }
overview-ages = Age of the last backup, in days
overview-ages-all = All
overview-ages-help = So many PCs had their last backup that long ago.
overview-age-first = ≤ { $to }
overview-age-range = { $from }–{ $to }
overview-age-over = > { $from }
overview-age-never = never
overview-found = Detections over twelve weeks
overview-found-about = What the scans found in each of the last { $weeks } weeks, by severity: { $n } in all
overview-found-minor = Low or info
overview-notable = Serious and still open
overview-notable-none = Nothing serious is open.
overview-on-hosts = { $host } and { $n ->
    [one] one more PC
   *[other] { $n } more PCs
  }
overview-stored-about = What the backups took on each day of the last { $n } weeks
overview-storage-unknown = { $n ->
    [one] One PC’s backups are still being measured and not in this figure.
   *[other] The backups of { $n } PCs are still being measured and not in this figure.
  }
overview-room-own = These backups
overview-room-other = Other files
overview-room-free = Free
overview-room-unknown = The storage does not say how much room it has.
overview-full-unsure = When it will be full can be said after two weeks of figures.
overview-full-not-soon = At the pace of the last weeks it will last for more than two years.
overview-full-days = { $n ->
    [0] At the pace of the last weeks it is full today.
    [one] At the pace of the last weeks it is full in one day.
   *[other] At the pace of the last weeks it is full in { $n } days.
  }
overview-full-weeks = At the pace of the last weeks it is full in about { $n } weeks.
overview-full-months = At the pace of the last weeks it is full in about { $n } months.
overview-signatures = Signatures
overview-signatures-is = The newest are v{ $version }, published { $when }.
overview-signatures-missing = None have been published yet: import some.
overview-signatures-newest = The newest
overview-signatures-behind = One version behind
overview-signatures-older = Older
overview-signatures-none = None
overview-restores = Restores
overview-restores-none = { $n ->
    [one] None was asked for in the last week.
   *[other] None was asked for in the last { $n } weeks.
  }
overview-restores-done = { $n ->
    [one] One restore done in twelve weeks
   *[other] { $n } restores done in twelve weeks
  }
overview-restores-fast = From the wish to the files: half within { $half }, nine in ten within { $most }.
overview-restores-failed = { $n ->
    [one] One failed.
   *[other] { $n } failed.
  }
overview-restores-open = { $n ->
    [one] One is under way.
   *[other] { $n } are under way.
  }
overview-restores-list = All restores
overview-empty-page = Make a token and run one line on the PC: it appears here by itself.
overview-empty-button = Enrol a PC
overview-empty-or = Or do the same from the command line, in three steps:
overview-empty-ask = An administrator puts the first PC under watch, in three steps:
overview-empty-token = On any computer with the command line, make a token. It lets one PC in, for a day:
overview-empty-enrol = On the PC, enrol it with the token. 7443 is the agents' usual port:
overview-empty-run = Start the agent. The PC appears here by itself:
overview-doubt = The controller's clock is not believed, so nothing is removed by it and no ring gets new signatures. Set it right, or say that it is right:
overview-claims = { $n ->
    [one] { $n } PC asks to be let in again
   *[other] { $n } PCs ask to be let in again
  }
