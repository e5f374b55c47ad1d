## Rollouts
rollouts-title = Rollouts
rollouts-help = New signatures reach one ring of PCs after the other, as policies say. A bundle that PCs refuse halts by itself.
rollouts-past = Bundles that newer ones have overtaken
rollouts-more = All published bundles
rollout-failed = Halted
rollout-cancelled = Overtaken
rollout-running = Spreading
rollout-succeeded = Done
rollout-answered = { $n } of { $of } PCs have it, or a newer one
rollout-halted = Halted by { $user }, { $when }: { $reason }
rollout-by-itself = Keepwatch itself
rollout-everywhere = given to all rings at once
rollout-ring = Ring
rollout-rings = Ring by ring
rollout-groups = Group by group
rollout-at-once = At once
rollout-after = { $n ->
    [one] After { $n } hour
   *[other] After { $n } hours
  }
rollout-due = Its turn
rollout-not-due = not while it is halted
rollout-have = Have it
rollout-offered = Offered
rollout-refused = Refused
rollout-wait = Wait
rollout-passed = Have a newer one
rollout-refusals = PCs that refused it
rollout-reason = Their reason
rollout-halt = Halt
rollout-resume = Let it go on
rollout-now = Give it to all now
rollout-halt-title = Halt bundle { $version }?
rollout-halt-question = { $n ->
    [0] No PC has it yet, and none gets it until it goes on.
    [one] { $n } PC has it and keeps it. No other gets it until it goes on.
   *[other] { $n } PCs have it and keep it. No other gets it until it goes on.
  }
rollout-halt-help = Signatures only move forward: to mend what is wrong, import corrected rules as the next bundle.
rollout-resume-title = Let bundle { $version } go on?
rollout-resume-question = { $n ->
    [one] { $n } more PC gets it when its turn comes, or at once where it has come.
   *[other] { $n } more PCs get it when their turn comes, or at once where it has come.
  }
rollout-resume-help = Refusals up to now do not halt it again.
rollout-now-title = Give bundle { $version } to all now?
rollout-now-question = { $n ->
    [one] { $n } PC that would wait for its turn gets it at once.
   *[other] { $n } PCs that would wait for their turn get it at once.
  }
rollout-now-help = This cannot be taken back. If something is wrong with these rules, it is wrong on every PC.
rollout-why = Why?
rollout-why-help = For example: finds our own tools; slows down scans.
rollout-no-reason = Say why, in at most 500 characters.
rollout-not-possible = This cannot be done now: the rollout has changed meanwhile.
notice-rollout-halted = The rollout is halted.
notice-rollout-resumed = The rollout goes on.
notice-rollout-spread = All PCs get it now.
