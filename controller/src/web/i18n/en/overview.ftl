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
overview-counts = PCs by state
overview-detections = Open detections
overview-storage = Backups take
overview-empty = Three steps put the first PC under watch:
overview-empty-token = On any computer with the command line, make a token. It lets one PC in, for a day:
overview-empty-enrol = On the PC, enrol it with the token. 7443 is the agents' usual port:
overview-empty-run = Start the agent. The PC appears here by itself:
