## The wall
wall-as-of = As of
wall-running = Running now
wall-running-none = Nothing runs at the moment
wall-stale = This screen no longer hears from the controller. What it shows may be out of date.
