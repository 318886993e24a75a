"""An image provider on the loopback interface that counts what it would bill, in a process that no fault reaches.

It speaks the wire formats of OpenAI and of Replicate, so that our own providers are what is tested. It knows a call's
task by a marker in the prompt, `[task:<id>]`, which the producer put there.
"""

from devtools.chaos.provider.behaviour import Behaviour
from devtools.chaos.provider.counting import CountingProvider, marked
from devtools.chaos.provider.kinds import Kind

__all__ = ["Behaviour", "CountingProvider", "Kind", "marked"]
