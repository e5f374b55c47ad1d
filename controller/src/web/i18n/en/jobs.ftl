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
    [one] { $n } more; “keepwatch jobs show { $job }” names it
   *[other] { $n } more; “keepwatch jobs show { $job }” names them
  }
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
