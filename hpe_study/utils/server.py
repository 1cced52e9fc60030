"""What the server of worker processes loads first, so that it ends with its parent even while it loads."""

import signal

from hpe_study.utils.processes import end_with_parent

end_with_parent(signal.SIGKILL)
