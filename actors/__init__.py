"""The package that `dramatiq actors` and `periodiq actors` import: one module per actor, and the application.

Importing this package makes the application of this environment Dramatiq's global broker. In an environment that is not
configured, the first use of the broker ends the process with a message that names the missing settings.
"""

from actors.app import set_global_broker

set_global_broker()
