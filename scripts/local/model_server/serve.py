"""Start the SageMaker inference toolkit as an ordinary user beside others of its kind.

Run by the interpreter of .tools/model_server. In a container the toolkit is alone and root; here it is
neither. So two things it takes for granted are put right: where its configuration lies, and which server is
its own.
"""

import os

import psutil
from sagemaker_inference import environment, model_server  # type: ignore[import-not-found]


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
    model_server.MMS_CONFIG_FILE = os.path.join(environment.base_dir, "mms.properties")  # noqa: PTH118
    model_server._retrieve_mms_server_process = own_server
    model_server.start_model_server()
