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
