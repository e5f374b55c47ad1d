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
groups-change = Change
groups-policy = Policy
groups-new = A new group
groups-name = Name
groups-parent = Below
groups-create = Make the group
groups-within = What belongs to it
groups-hosts = { $n ->
    [one] { $n } PC
   *[other] { $n } PCs
  }
groups-inherits = No policy of its own: what is above it holds
groups-sets = { $n ->
    [one] Its own policy sets { $n } field
   *[other] Its own policy sets { $n } fields
  }
groups-tokens = { $n ->
    [one] { $n } token that PCs can enrol into it with
   *[other] { $n } tokens that PCs can enrol into it with
  }
groups-rename = Rename
groups-move = Move
groups-move-help = All below it moves along. Before anything happens, the next page says what that changes for the PCs.
groups-move-look = See what that changes
groups-move-title = Move { $group } below { $parent }?
groups-move-nothing = Nothing changes for any PC.
groups-move-changes = For these PCs other settings hold from then on:
groups-was = So far
groups-will-be = Then
groups-back = Back to the group
groups-remove = Remove
groups-remove-help = Nothing belongs to it any more. Its policy goes with it.
groups-not-empty = PCs, groups, rules or tokens still belong to it. Move or remove those first.
notice-group-created = The group was made.
notice-group-renamed = The group was renamed.
notice-group-moved = The group was moved.
notice-group-removed = The group was removed.
