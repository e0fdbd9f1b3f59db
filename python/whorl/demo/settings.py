"""How the demo trains: three adapters of different rank and learning rate, and how much data."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class AdapterPlan:
    name: str
    rank: int
    alpha: float
    learning_rate: float


@dataclass(frozen=True)
class Settings:
    train_rows: int = 1100
    test_rows: int = 210
    epochs: float = 4
    adapters: tuple[AdapterPlan, ...] = (
        AdapterPlan("careful-r4", 4, 8, 3e-3),
        AdapterPlan("steady-r8", 8, 16, 8e-3),
        AdapterPlan("broad-r16", 16, 32, 8e-3),
    )
    max_p: float = 0.001
    """Of the paired test that the winner beats the base; otherwise nothing is published."""

    def parameters(self, seed: int) -> dict:
        """As pipeline.yaml takes them."""
        return {
            "seed": seed,
            "train_rows": self.train_rows,
            "test_rows": self.test_rows,
            "epochs": float(self.epochs),
            "sweep": [asdict(plan) for plan in self.adapters],
            "max_p": self.max_p,
            "name": PUBLISHED_NAME,
        }


PUBLISHED_NAME = "support"
