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
