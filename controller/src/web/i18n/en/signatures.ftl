## Signatures
signatures-title = Signatures
signatures-none = No rules are published yet
signatures-none-help = Without rules, scans find nothing. An administrator imports a rule set here: the starter set that comes with Keepwatch, or one of your own.
signatures-newest = Newest bundle
signatures-rules = Rules
signatures-files = Files
signatures-have = PCs that have it
signatures-without = PCs without any
signatures-published = Published
signatures-sources = Sources
signatures-no-sources = All sources were taken out.
signatures-name = Name
signatures-origin = From
signatures-unsaid = not said
signatures-bundles = Published bundles
signatures-number = Bundle
signatures-what-changed = What changed
signatures-unknown-change = not recorded
signatures-same = no rule changed
signatures-change = { $added } new, { $removed } gone, { $changed } changed
signatures-gone = was taken out
signatures-came = was imported
signatures-added = { $n ->
    [one] { $n } new rule
   *[other] { $n } new rules
  }
signatures-removed = { $n ->
    [one] { $n } rule is gone
   *[other] { $n } rules are gone
  }
signatures-changed = { $n ->
    [one] { $n } rule changed
   *[other] { $n } rules changed
  }
signatures-spread = How it spreads
signatures-bundle = Signatures
signatures-facts = Facts
source-remove = Take out
source-remove-title = Take this source out?
source-remove-help = The next bundle is published without its rules, and goes to all PCs ring by ring. What only these rules find, no scan finds any more.
source-not-removed = Nothing was published: what is left does not compile.
notice-published = The rules are published. They spread ring by ring.
notice-source-removed = The source was taken out, and the rest is published.

## To import
import-title = Import rules
import-help = What you choose is checked first. Nothing reaches any PC before you have seen what the check says.
import-resumed = Your session had ended, so nothing was sent. What you had typed is here again; please choose the files again.
import-source = Name of the source
import-source-help = The same name again replaces that source, another adds one. Empty: as the file is called.
import-origin-help = A project, a person or an address, for whoever asks later where a rule is from.
import-licence-help = Empty: as the rules say themselves.
import-files = Rule files
import-files-help = One or more .yar or .yara files, or a zip of them.
import-check = Check
import-again = Choose other files
import-too-large = That is more than { $n } MiB. Import a smaller set. Please choose the files again.
import-cut = The upload broke off. Please choose the files again.
import-no-file = Choose at least one file.
import-refused = It was not taken: { $why }. Please choose the files again.
import-checked = What the check says
import-nothing = Nothing can be published
import-well = All of it compiles and passes the self-test
import-partly = { $n ->
    [one] { $n } file does not compile and would be left out
   *[other] { $n } files do not compile and would be left out
  }
import-errors = Errors
import-warnings = Warnings
import-show-warnings = Show the warnings
import-good-files = Files that compile
import-broken-files = Files that do not
import-rules = Rules in them
import-all-rules = Rules of all sources together
import-replaces = It takes the place of the source of the same name.
import-adds = It becomes a source of its own.
import-changes = What would change
import-publish = Publish
import-publish-partly = Publish without the broken files
import-mend = Mend the files and send them in again, or leave the broken ones out.
