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
snapshot-viewer = Looking into files, downloading and restoring need the role operator.
snapshot-cut = This folder has more than { $n } entries; the rest is left out. A search finds them.
snapshot-pages = { $first } to { $last } of { $all }
snapshot-paging = Pages of this folder
snapshot-before = Back
snapshot-after = On
picked-title = Chosen
picked-none = Nothing chosen
picked-count = { $n ->
    [one] { $n } chosen
   *[other] { $n } chosen
  }
picked-which = Show
picked-full = Not all of it was taken: at most { $n } can be chosen one by one. Choose the folder that they are in.
picked-all = Choose all on this page
picked-choose = Choose
picked-covered = In a folder that is chosen:
picked-restore = Restore these…
picked-keep = Keep my choice
picked-clear = Choose nothing
entry-file = File
entry-folder = Folder
entry-link = Link
entry-special = Special file
