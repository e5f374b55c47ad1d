# Keepwatch's pages in English. Every key is here, in zh-CN.ftl, and in use; a test checks it.

## The frame
product = Keepwatch
skip = Skip to the content
nav = Main
nav-fleet = PCs
nav-groups = Groups
nav-detections = Detections
language-other = 中文
language-label = Show in Chinese
log-out = Log out
licences = Licences
stale = This page no longer hears from the controller. What it shows may be out of date; it catches up by itself.
role-viewer = viewer
role-operator = operator
role-administrator = administrator

## Logging in
login-title = Log in
login-name = Name
login-password = Password
login-go = Log in
login-help = The first name and its one-time password were printed by “keepwatch-controller init”. Others are made with “keepwatch users create”.
login-wrong = The name or the password is wrong.
login-wait = Too many wrong passwords. Wait a minute and try again.

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

## The fleet
fleet-none = No PC is enrolled yet
fleet-all = { $hosts ->
    [one] The one PC is protected
   *[other] All { $hosts } PCs are protected
  }
fleet-some = { $protected ->
    [one] { $protected } of { $hosts } PCs is protected
   *[other] { $protected } of { $hosts } PCs are protected
  }; { $rest ->
    [one] { $rest } needs attention
   *[other] { $rest } need attention
  }
fleet-counts = PCs by state
fleet-list = All PCs
fleet-detections = Open detections
fleet-storage = Backups take
fleet-empty = Three steps put the first PC under watch:
fleet-empty-token = On any computer with the command line, make a token. It lets one PC in, for a day:
fleet-empty-enrol = On the PC, enrol it with the token. 7443 is the agents' usual port:
fleet-empty-run = Start the agent. The PC appears here by itself:
state-protected = Protected
state-attention = Needs attention
state-at-risk = At risk
state-unknown = Unknown
groups-title = Groups
groups-help = Each line counts the PCs of the group and of all groups below it.
column-group = Group
column-hosts = PCs
column-silent = Of the unknown
column-storage = Backups take
silent-never-connected = { $n } never connected
silent-pending = { $n } about to connect
silent-away = { $n } away
silent-lost = { $n } lost
column-host = PC
column-state = State
column-connected = Connection
column-backup = Last backup
column-scan = Last scan
column-signatures = Signatures
column-detections = Open detections
connected = Connected
disconnected = Off or away
signatures-version = v{ $version }
signatures-from = v{ $version }, { $when }
none = none

## Why a PC is not simply protected, and what to do
reason-replaced = Another PC has taken over from it
advice-replaced = Its backups stay, and are listed with those of the PC that took over. Nothing needs to be done.
reason-trial-failed = A trial restore did not bring everything back
advice-trial-failed = The PC restored some files of its newest backup to try it. The newest “Trial restore” names what failed. Verify the backups: “keepwatch verify”.
reason-revoked = Its access was revoked
advice-revoked = It can no longer connect; its backups stay. To take it back, enrol it again with a new token.
reason-never-connected = It has never connected
advice-never-connected = Start the agent on the PC (“keepwatch-agent run”, or its service) and check that it reaches the agents' port of this controller.
reason-pending = It was let in and has not connected yet
advice-pending = It does so as soon as its agent runs. If it still has not in a day, start the agent on the PC (“keepwatch-agent run”, or its service).
reason-away = Nothing was heard of it for over a week
advice-away = Find out whether the PC is switched off for long, and whether it is online. What changes on it meanwhile is backed up once it is back.
reason-lost = Nothing was heard of it for over a month
advice-lost = Somebody has to look for it. If it is gone for good, revoke it: “keepwatch hosts revoke”; if another PC is in its place: “keepwatch hosts replace”.
reason-malware = It very likely has malware
advice-malware = Take the PC off the network, look at the detections below, and restore affected files from a snapshot made before them.
reason-detections = Detections wait for somebody to look
advice-detections = Look at each one below; acknowledge with a reason what is harmless.
reason-no-backup = It has never been backed up
advice-no-backup = Back it up now. If that fails, the job says why.
reason-first-backup = Its first backup is still to come
advice-first-backup = It comes by itself at the time shown below; “Back up now” does not wait for it.
reason-backup-overdue = Its backup is late
advice-backup-overdue = The PC was probably off at the time. It catches up once it is on; “Back up now” helps it along.
reason-backup-missed = A whole backup was missed
advice-backup-missed = Switch the PC on and back it up now. What changed since the last snapshot exists only on the PC.
reason-backup-failed = Its newest backup failed
advice-backup-failed = Read the job's message below, mend the cause, and back up again.
reason-backup-partial = Its newest backup left files out
advice-backup-partial = The job below names the files and why they could not be read. Close what keeps them open, or exclude them in the policy.
reason-scan-overdue = Its scan is late
advice-scan-overdue = The PC was probably off at the time. It catches up once it is on; “Scan now” helps it along.
reason-scan-failed = Its newest scan failed
advice-scan-failed = Read the job's message below, mend the cause, and scan again.
reason-scan-partial = Its newest scan could not look at everything
advice-scan-partial = The job below names the files and why they could not be read.
reason-no-signatures = It has no signatures
advice-no-signatures = Import some with “keepwatch signatures import”; the PC fetches them by itself.
reason-signatures-old = Its signatures are out of date
advice-signatures-old = It fetches the newest ones once it is connected. If it stays behind, look into the agent's log.
reason-signatures-outdated = It has gone without new signatures for over a week
advice-signatures-outdated = What was found since, it does not know. See that it is connected, and look into the agent's log. Then scan it.
reason-signatures-stale = No new signatures have been imported for over a week
advice-signatures-stale = It has the newest ones that there are here. Import newer ones with “keepwatch signatures import”; all PCs fetch them by themselves.
reason-signatures-refused = It refused the newest signatures
advice-signatures-refused = It keeps working with the ones it has. The reason is shown under “This PC”.
reason-signatures-halted = The newest signatures are halted
advice-signatures-halted = It keeps working with the ones it has. “keepwatch rollouts” says who halted the newest ones and why: import corrected ones, or let them go on with “keepwatch rollouts resume”.
reason-canary-touched = A decoy document was touched: files may be being encrypted
advice-canary-touched = “keepwatch retention plan” names it. Take the PC off the network and look at it. If somebody only deleted a document whose name begins with “.~”, explain what it is for. When all is well, “keepwatch retention thaw”.
reason-retention-frozen = Its snapshots look odd; none is removed
advice-retention-frozen = See why with “keepwatch retention plan”, and look at the PC: files may have been encrypted or deleted. When all is well, let old snapshots go again with “keepwatch retention thaw”.
reason-repository-deletion = Its backups are to be deleted
advice-repository-deletion = See who wants it, why and when with “keepwatch hosts deletions”. Each administrator can call it off with “keepwatch hosts delete-repository PC call-off”.
reason-repository-damaged = Something of its backups is damaged
advice-repository-damaged = “keepwatch verify” names the files. “keepwatch repair” sets the damage aside and has the PC send again what is still there. Look at the controller's disk: it may be failing.
reason-verification-overdue = Its backups have not been checked for too long
advice-verification-overdue = The controller reads all of them once in four weeks, by itself. “keepwatch verify” does it now and says what stands in the way.
reason-certificate-expiring = Its certificate ends within a month
advice-certificate-expiring = It should have been renewed by now: that needs the PC connected, and its clock right. If it ends, enrol the PC again with a new token.
reason-certificate-expired = Its certificate has ended; it cannot connect
advice-certificate-expired = Enrol the PC again with a new token. “keepwatch hosts replace” gives it its backups back.
reason-disk-low = Its disk is almost full
advice-disk-low = Backups and scans need some room to work in. Free some space on the disk that holds the agent's data.
reason-agent-old = Its agent is older than this controller
advice-agent-old = Install the version of the controller on the PC. Until then it works as before.

## A host
host-state = State
host-why = Why, and what to do
host-well = Everything that should have happened did.
host-scan-now = Scan now
host-backup-now = Back up now
host-facts = This PC
host-group = Group
host-system = System
host-agent = Agent
host-disk = Disk
host-disk-free = { $free } free of { $total }
host-enrolled = Enrolled
host-seen = Last heard of
host-signatures = Signatures
host-refused = refused: { $reason }
host-full-scan = Last full scan
host-verified = Backups found sound
host-certificate = Certificate ends
host-next-scan = Next scan
host-next-backup = Next backup
host-only-asked = only when asked
host-id = Id
host-jobs = Jobs
host-no-jobs = Nothing has been done on this PC yet. Its schedule starts the first job by itself.
host-snapshots = Snapshots
host-no-snapshots = There is no snapshot yet. Each finished backup makes one.
host-no-detections = No open detections.
system-linux = Linux
system-windows = Windows
notice-scan-asked = A scan was asked for. It starts as soon as the PC is connected.
notice-backup-asked = A backup was asked for. It starts as soon as the PC is connected.
notice-cancelled = The job was called off.
notice-paused = The scan waits until it is resumed.
notice-resumed = The scan goes on.
notice-acknowledged = The detection was acknowledged.

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

## Snapshots
snapshot-of = Snapshot of { $host }
snapshot-made = Made
snapshot-size = Size
snapshot-partial = Incomplete: some files could not be read
snapshot-clean = Scanned: nothing was found
snapshot-infected = { $n ->
    [one] { $n } file in it is infected
   *[other] { $n } files in it are infected
  }
snapshot-unjudged = { $n ->
    [one] Scanned; { $n } file could not be inspected to its end
   *[other] Scanned; { $n } files could not be inspected to their end
  }
snapshot-unscanned = Not scanned when it was made
snapshot-infected-files = Infected files in this snapshot
snapshot-infected-help = Leave these out when you restore, or take them from a snapshot made before.
snapshot-infected-more = and { $n } more
snapshot-top = Top
snapshot-folder = Folders of the path
snapshot-name = Name
snapshot-modified = Changed
snapshot-download = Download
snapshot-download-folder = Download this folder
snapshot-download-folder-help = As one zip, or as a tar where a zip cannot hold everything in it. What cannot be read is named in the archive.
snapshot-link = → { $target }
snapshot-empty = This folder is empty.
snapshot-more = Only the first { $n } entries are shown. The command line shows all of them:
snapshot-viewer = Downloading and restoring need the role operator.
snapshot-restore = Restore
snapshot-restore-how = To bring this folder back onto the PC, run this on a computer with the command line. It writes into a new folder and over nothing:
entry-file = File
entry-folder = Folder
entry-link = Link
entry-special = Special file

## Detections
detections-title = Open detections
detections-none = Nothing suspicious waits for you
detections-none-help = What the scans find shows here at once, on every PC, until somebody has looked at it.
detection-on = on
detection-found = Found
detection-size = Size
detection-hash = SHA-256
detection-rule = Rule
detection-put-away = put away on the PC
detection-acknowledge = Acknowledge
detection-reason = Why does it need nothing more?
detection-reason-help = For example: cleaned and restored; test file; false alarm, rule reported.
severity-info = Info
severity-low = Low
severity-medium = Medium
severity-high = High
severity-critical = Critical

## When something does not work
error-not-found = There is nothing here
error-not-found-help = It may have been removed, or the address is mistyped.
error-invalid = That cannot be done as asked
error-invalid-help = Go back, correct what was entered, and try again.
error-conflict = Somebody was faster
error-conflict-help = Go back and look at how it is now.
error-forbidden = That is not for your role
error-forbidden-help = Ask an administrator to do it, or for the role.
error-cross-site = This request came from another site
error-cross-site-help = Keepwatch only takes orders from its own pages. Open the page here and try again. If it keeps happening, a proxy in between may be removing headers.
error-session = Your session has ended
error-session-help = Log in again.
error-busy = Too many attempts
error-busy-help = Wait a minute and try again.
error-failed = The controller could not do that
error-failed-help = Try again. If it fails again, the controller's log says why.
error-detail = In detail
error-home = To the PCs
