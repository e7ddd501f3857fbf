"""The roles of a search domain, in memory."""

from imagesearch.access import Admission


class InMemoryAccessControl:
    """Keeps who was admitted, by the roles' names."""

    def __init__(self) -> None:
        self.admitted: dict[str, Admission] = {}

    def admit(self, admission: Admission) -> None:
        """Give the role to the principal, and to nobody else."""
        self.admitted[admission.name] = admission

    def dismiss(self, name: str) -> None:
        """Take the role away, there or not."""
        self.admitted.pop(name, None)
