## Restoring
restore-title = Restore files
restore-steps = Steps
restore-step-pc = PC
restore-step-file = Files
restore-step-place = Where to
restore-step-look = Look first
restore-step-done = Done
restore-other-pc = Another PC
restore-this = Restore…
## Which PC
find-which = Whose files?
find-placeholder = Name of the PC, group, address…
find-help = Also by a name that the PC used to have.
find-go = Find
find-recent = Restored to lately
find-all = PCs
find-found = Found
find-none = No PC is called that. Try a part of its name, or its group.
find-nobody = No PC is enrolled yet. Once one is, and has made its first backup, its files can be restored from here.
find-more = { $n ->
    [one] { $n } more: write a part of its name
   *[other] { $n } more: write a part of the name
  }
find-former = was { $names }
find-revoked = Cut off
find-backup = Last backup
## From when
calendar-title = Restore files of
calendar-about = About this PC
calendar-none = There is no snapshot of this PC yet. Its first finished backup makes one.
calendar-newest = Newest snapshot
calendar-clean = Newest clean snapshot
calendar-browse = Browse
calendar-whole = Whole profile…
calendar-all = All snapshots
calendar-months = Months
calendar-earlier = Earlier
calendar-later = Later
calendar-month = { $month } { $year }
calendar-more = { $n } more
calendar-help = Arrow keys move between the snapshots; Page Up and Page Down go to other months.
calendar-zone = Times are in { $zone }.
mark-clean = Scanned: nothing found
mark-infected = Infected files in it
mark-unjudged = Not all of it could be inspected
mark-unscanned = Not scanned
mark-incomplete = Incomplete: some files could not be read
mark-proved = Verified
weekday-1 = Mo
weekday-2 = Tu
weekday-3 = We
weekday-4 = Th
weekday-5 = Fr
weekday-6 = Sa
weekday-7 = Su
weekday-whole-1 = Monday
weekday-whole-2 = Tuesday
weekday-whole-3 = Wednesday
weekday-whole-4 = Thursday
weekday-whole-5 = Friday
weekday-whole-6 = Saturday
weekday-whole-7 = Sunday
## A search
search-what = Which file?
search-placeholder = A part of its name, in any snapshot
search-help = Deleted files are found, too. Several words are found in their order; * stands for anything.
search-found = Found
search-none = No file or folder of that name is in any snapshot. Try a shorter part of it.
search-more = There are more. Write more of the name.
search-incomplete = Not everything could be searched:
search-changed = changed
search-versions = { $n ->
    [one] { $n } version
   *[other] { $n } versions
  }
search-snapshots = { $n ->
    [one] in { $n } snapshot
   *[other] in { $n } snapshots
  }
## Versions of a file
versions-title = Versions, the newest first
versions-changed = Changed
versions-verdict = Verdict
versions-kept = In snapshots
versions-deeds = What can be done
versions-best = Newest clean version
versions-folder = Folder
versions-more = Only the newest are shown. Older ones are in the snapshots on the calendar.
file-clean = Clean
file-infected = Infected
file-unjudged = Not judged
## A look into a file
preview-title = View a file
preview-look = View
preview-from = Snapshot of
preview-versions = Versions
preview-not = This file is not shown
preview-infected = This version of the file is infected. It is neither shown nor handed out.
preview-not-help = Its versions say whether an older one is clean.
preview-large = This file is too large to be shown here. Download or restore it.
preview-picture = Picture:
preview-text = Text of the file
preview-empty = The file is empty.
preview-cut = Only the beginning is shown.
preview-nothing = This is neither a text nor a picture that a page can show. Download or restore it.
## Whole profiles
whole-title = Restore a whole profile
whole-profiles = Users’ folders
whole-no-profiles = There is no user’s folder in this snapshot. Take one of the folders below, or browse.
whole-folders = All that was backed up
whole-browse = Browse instead
whole-replaced = has taken over
whole-replaced-help = It is on the schedule of the one before and has its snapshots. Now bring the files back: choose whose.
## Where to
destination-title = Where to?
destination-back = Back to the snapshot
destination-wrong = That cannot be done yet:
destination-what = What
destination-everything = Everything in the snapshot
destination-more = { $n ->
    [one] and { $n } more
   *[other] and { $n } more
  }
destination-pc = Onto which PC?
destination-own = where they came from
destination-revoked = This PC was cut off. Choose another one.
destination-offline = This PC is off or away. It begins as soon as it is back.
destination-other = Another PC
destination-other-name = Its name
destination-other-help = It may read this snapshot for a day, for this restore only. That is recorded.
destination-no-host = write the name of the other PC
destination-no-target = write the full path of a folder on the PC, such as /home/wang/back or D:\back
destination-no-paths = what was chosen was lost on the way; go back and choose again
destination-not-everything = only what is named goes back to its place; choose folders or files
destination-place = Where on the PC?
place-new = Into a new folder
place-help-new = Nothing can be overwritten. The usual choice.
place-original = Back to where they were
place-help-original = Each file goes to its old path.
place-folder = Into a folder of your choice
place-help-folder = The paths are made below it.
destination-target = Full path of the folder
destination-conflict = If another file is there already
conflict-keep-both = Keep both
conflict-help-keep-both = What is restored gets “(restored)” in its name. Nothing is lost.
conflict-skip = Leave what is there
conflict-help-skip = Only what is missing comes back.
conflict-overwrite-older = Replace what is older
conflict-help-overwrite-older = Newer work on the PC stays.
conflict-overwrite = Replace everything
conflict-help-overwrite = What is there is gone afterwards, newer work as well.
conflict-refuse = Leave what is there, and name it
destination-infected = Infected files
destination-infected-too = Restore the infected files as well
destination-infected-help = They come back as they are, dangerous. Only for an examination, on a PC made for that. It is recorded.
destination-infected-not = Infected files are left out. Only an administrator can have them restored.
destination-look = Show what would happen
destination-look-help = The PC looks and writes nothing. You decide then.
destination-now = Restore at once
## A restore
job-title-looking = Looking at what would happen
job-title-looked = What would happen
job-title-restoring = Restoring
job-title-restored = Restored
job-title-partly = Partly restored
job-title-failed = It was not done
job-from = from the snapshot of { $host }, { $at }
job-gone = removed meanwhile
job-calling-off = It is being called off.
job-offline = The PC is off or away. It begins as soon as it is back; you can leave this page.
job-soon = The PC begins in a moment.
job-why = Why
job-left = about { $span } left
job-room = It takes { $needs }; the PC’s disk has { $free } free.
job-would-create = Files that would be new
job-would-replace = Would be overwritten
job-would-skip = Would stay as they are
job-would-fail = Cannot be restored
job-created = New files
job-replaced = Overwritten
job-skipped = Stayed as they were
job-failed-files = Not restored
job-infected-would = Infected, would be left out
job-infected-out = Infected, left out
job-go = Restore now
job-change = Change
job-look-help = Nothing has been written yet. What is restored is exactly what was looked at.
job-whereto = Where to
job-where = Where it is now
job-conflict = If another file is there:
job-not = What was not restored
job-not-would = What would not be restored
job-next = Restore something else
note-title = A note to hand on
note-help = Copy it into a message to whoever asked.
note-copy = Copy
note-copied = Copied
note-greeting = Your files are back.
note-what = What: { $what }
note-and-more = { $name } and { $n } more
note-when = As it was at: { $at } (backup of { $host })
note-where = Where it is now, on { $host }:
note-how-much = How much: { $files }, { $size }
note-skipped = { $n ->
    [one] { $n } was there already and stayed as it was.
   *[other] { $n } were there already and stayed as they were.
  }
note-infected = { $n ->
    [one] { $n } was left out since it is infected.
   *[other] { $n } were left out since they are infected.
  }
note-failed = { $n ->
    [one] { $n } could not be restored. Ask us about it.
   *[other] { $n } could not be restored. Ask us about them.
  }
note-who = Restored by { $user }, { $at }
