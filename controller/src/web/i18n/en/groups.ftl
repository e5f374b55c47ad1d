## Groups
groups-title = Groups
groups-help = Each line counts the PCs of the group and of all groups below it.
column-group = Group
column-silent = Of the unknown
column-storage = Backups take
silent-never-connected = { $n } never connected
silent-pending = { $n } about to connect
silent-away = { $n } away
silent-lost = { $n } lost
