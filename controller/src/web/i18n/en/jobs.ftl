## Jobs
kind-scan = Scan
kind-backup = Backup
kind-restore = Restore
kind-verify = Trial restore
kind-quarantine = Quarantine
job-queued = Waiting
job-waiting = Waiting for its turn
job-offered = Handed to the PC
job-running = Running
job-succeeded = Done
job-partial = Partly done
job-failed = Failed
job-cancelled = Called off
job-expired = Not begun in time
job-lost = Lost sight of
job-by-schedule = by schedule
job-by-medium = a removable medium appeared
job-by = asked for by { $user }
job-took = took { $span }
job-target = written to
job-failures = What could not be read or written
job-failures-more = { $n ->
    [one] { $n } more
   *[other] { $n } more
  }
job-failures-unnamed = { $n ->
    [one] and { $n } more, which the PC has not named
   *[other] and { $n } more, which the PC has not named
  }
job-message = What it said
job-facts = This job
job-restore = Follow the restore
job-wanted = Asked for
job-started = Begun
job-ended = Ended
job-attempt = Attempt
job-snapshot = Snapshot
job-paths = Of what
job-paths-more = and { $n } more
job-log = Log
job-zone = Times are in { $zone }.
job-log-empty = Nothing was written down about it.
job-log-cut = Only the last lines are shown.
jobs-title = Jobs
jobs-filter = Narrow the list
jobs-kind = Kind
jobs-since = Since
jobs-since-days = { $n ->
    [one] Last day
   *[other] Last { $n } days
  }
jobs-state-open = Not ended
jobs-state-ended = Ended
jobs-none = No job fits
jobs-none-help = Nothing has been done yet. Each PC's schedule starts its first job by itself.
jobs-all-open = All that fit and have not ended:
jobs-back = Back to the jobs
jobs-nothing = Nothing to change
jobs-ask-cancel = { $n ->
    [one] Call { $n } job off?
   *[other] Call { $n } jobs off?
  }
jobs-ask-pause = { $n ->
    [one] Pause { $n } job?
   *[other] Pause { $n } jobs?
  }
jobs-ask-resume = { $n ->
    [one] Let { $n } job go on?
   *[other] Let { $n } jobs go on?
  }
jobs-about-cancel = What has begun is ended by its PC as soon as that is connected. A job that was called off does not come back by itself.
jobs-about-pause = Each waits where it is, until it is resumed. What has not begun waits as well.
jobs-about-resume = Each goes on where it stopped.
jobs-do-cancel = Call them off
jobs-do-pause = Pause them
jobs-do-resume = Let them go on
jobs-done-cancel = { $n ->
    [one] { $n } job was called off
   *[other] { $n } jobs were called off
  }
jobs-done-pause = { $n ->
    [one] { $n } job was paused
   *[other] { $n } jobs were paused
  }
jobs-done-resume = { $n ->
    [one] { $n } job goes on
   *[other] { $n } jobs go on
  }
day-today = Today
day-yesterday = Yesterday
job-cancel = Call off
job-pause = Pause
job-resume = Resume
job-progress = { $done } of { $total }
phase-opening = Opening the repository
phase-compiling = Preparing the signatures
phase-scanning = Scanning
phase-waiting-for-staff = Paused by IT staff
phase-waiting-for-power = Waiting: the PC is on battery
phase-waiting-for-people = Waiting: the PC is busy
phase-backing-up = Backing up
phase-looking = Looking at what would be restored
phase-restoring = Restoring
phase-comparing = Comparing with the PC
phase-quarantine = At the quarantine
phase-working = Working
jobs-which = Which jobs
jobs-nothing-help = Jobs that have ended cannot be changed any more. Go back and choose open ones.
