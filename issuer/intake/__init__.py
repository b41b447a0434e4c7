"""What comes in from outside, read strictly before anything of it is kept.

* `issuer.intake.names` proposes the names of a card, for an officer to confirm.
* `issuer.intake.fields` reads an application as a clerk, a sheet or a program gives it.
* `issuer.intake.uploads` takes documents and portraits by what they are.
* `issuer.intake.sheet` reads and writes sheets (CSV), whole or not at all.
* `issuer.intake.kinds` names the sheets that there are.
* `issuer.intake.duplicates` grades how alike two applicants are.
* `issuer.intake.problem` lists every code that these report.
"""
