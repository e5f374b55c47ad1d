## The list of PCs
hosts-title = PCs
column-hosts = PCs
column-host = PC
column-state = State
column-connected = Connection
column-backup = Last backup
column-scan = Last scan
column-signatures = Signatures
column-detections = Open detections
