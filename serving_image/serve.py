"""Start the SageMaker inference toolkit as an ordinary user, alone in a container or beside others.

The toolkit takes root and a machine of its own for granted. So two things are put right: its configuration
lies where temporary files lie, and its server is the one of its own session. The variable SERVING_TOOLKIT
names another module that starts a server, of a toolkit that is built upon this one.
"""

import os
import tempfile
from importlib import import_module

import psutil
from sagemaker_inference import model_server  # type: ignore[import-not-found]


def own_server() -> psutil.Process:
    """The model server of this process's session; the toolkit takes any on the machine, and refuses two."""
    for process in psutil.process_iter():
        try:
            if model_server.MMS_NAMESPACE in process.cmdline() and os.getsid(process.pid) == os.getsid(0):
                return process
        except (psutil.Error, OSError):
            continue
    raise LookupError("the model server has not started yet")  # the toolkit asks again


if __name__ == "__main__":
    model_server.MMS_CONFIG_FILE = os.path.join(tempfile.gettempdir(), "sagemaker-mms.properties")  # noqa: PTH118
    model_server._retrieve_mms_server_process = own_server
    # A toolkit built upon this one takes these names from it, so its module may be imported only now.
    import_module(os.environ.get("SERVING_TOOLKIT", model_server.__name__)).start_model_server()
