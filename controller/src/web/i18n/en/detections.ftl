## Detections
detections-title = Detections
detections-states = State of the detections
detections-state-open = Open
detections-state-acknowledged = Acknowledged
detections-state-all = All
detections-view-together = Together
detections-view-single = One by one
detections-severity = Severity
detections-any-severity = Any
detections-least = { $severity } and worse
detections-group = Group
detections-any-group = Any
detections-sift = Show
detections-all-hosts = On all PCs
detections-unfiltered = Show everything
detections-none = Nothing suspicious waits for you
detections-none-help = What the scans find shows here at once, on every PC, until somebody has looked at it.
detections-none-yet = There are none
detections-none-yet-help = What somebody has acknowledged stays here for good, with who and why.
detections-none-such = Nothing was found that fits
detections-none-such-help = Choose another severity or group, or show everything.
detections-cut = Put together from the newest { $n } detections. “One by one” shows all.
detections-what = What
detections-where = Where
detections-count = Findings
detections-last = Last seen
detections-first = First seen
detections-month = The last 30 days
detections-files = { $n ->
    [one] { $file } and { $n } other file
   *[other] { $file } and { $n } other files
  }
detections-comma = {", "}
detections-hosts-more = { $hosts } and { $n } more
detections-put-away = { $n } put away
detection-on = on
detection-found = Found
detection-size = Size
detection-hash = SHA-256
detection-rule = Rule
detection-put-away = put away on the PC
detection-acknowledge = Acknowledge
detection-acknowledged = Acknowledged by { $user }, { $when }: { $reason }
detection-reason = Why does it need nothing more?
detection-reason-help = For example: cleaned and restored; test file; false alarm, rule reported.
severity-info = Info
severity-low = Low
severity-medium = Medium
severity-high = High
severity-critical = Critical
pages = Pages
page-first = Back to the first page
page-next = Next page
page-newer = Newer
page-older = Older
go-back = Back
and-more = and { $n } more

## Detections that belong together
outbreak = Outbreak
outbreak-single = Found on { $host }
outbreak-several = On { $n } PCs within { $span }: { $hosts }
outbreak-days = { $n } days
outbreak-open = Open
outbreak-found = What was found
outbreak-over-time = From the first to the last
outbreak-put-away = Put the file away
outbreak-put-all-away = Put the files away
outbreak-acknowledge = Acknowledge all
outbreak-rule = The rule
outbreak-rule-place = { $file }, line { $line }
outbreak-source = Source
outbreak-file = File
outbreak-licence = Licence
outbreak-imported = Imported
outbreak-text = Text of the rule
outbreak-no-text = The text of this rule is not at hand: the source that it came from was taken out, or replaced by one without it.
outbreak-metadata = What the rule says of itself
metadata-author = Author
metadata-reference = Reference
metadata-date = Date
metadata-license = Licence
metadata-version = Version
outbreak-snapshots = Snapshots that hold it
outbreak-snapshots-help = When you restore from these, leave the file out, or take an older snapshot.
outbreak-no-snapshots = No snapshot is known to hold it.
outbreak-snapshots-more = and { $n } older ones
outbreak-snapshots-cut = Only the snapshots of the first { $n } PCs were looked at.
acknowledge-one-question = This detection needs nothing more:
acknowledge-all-question = { $hosts ->
    [one] { $n } detections on one PC need nothing more:
   *[other] { $n } detections on { $hosts } PCs need nothing more:
  }
acknowledge-no-reason = Say in a few words why it needs nothing more.
acknowledge-changed = Meanwhile there are more of them, or fewer. Look at the list again before you acknowledge.
put-away-title = Put away
put-away-question = { $n ->
    [one] This file is taken from its place and kept where nobody can open or run it:
   *[other] These { $n } files are taken from their places and kept where nobody can open or run them:
  }
put-away-help = It stays on the PC. “Quarantine” shows it, and from there it can be brought back or deleted. A PC that is off does it when it is back.
put-away-none = Nothing is left to put away: the files are put away, or what was found is acknowledged.
put-away-too-many = So many files look like a rule that is wrong. Halt its bundle first, and put files away one by one.
put-away-changed = Meanwhile it is about other files. Look at the list again.
put-away-some = It was asked for { $n } of { $of } files. For the others it was not:
notice-acknowledged-all = The detections were acknowledged.
notice-put-away-asked = It was asked for. The file is put away as soon as the PC is connected.
