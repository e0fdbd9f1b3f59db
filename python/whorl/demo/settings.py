"""How the demo trains: three adapters of different rank and learning rate, and how much data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class AdapterPlan:
    name: str
    rank: int
    alpha: float
    learning_rate: float

    def options(self) -> dict:
        """As whorl.Trainer takes it."""
        return {
            "name": self.name,
            "rank": self.rank,
            "alpha": self.alpha,
            "learning_rate": self.learning_rate,
        }


@dataclass(frozen=True)
class Settings:
    train_rows: int = 1100
    test_rows: int = 210
    epochs: float = 4
    batch_tokens: int = 1024
    adapters: tuple[AdapterPlan, ...] = (
        AdapterPlan("careful-r4", 4, 8, 3e-3),
        AdapterPlan("steady-r8", 8, 16, 8e-3),
        AdapterPlan("broad-r16", 16, 32, 8e-3),
    )

    def training(self, seed: int) -> dict:
        """As whorl.Trainer takes it."""
        return {
            "epochs": self.epochs,
            "batch_tokens": self.batch_tokens,
            "max_length": 512,
            "lr_scheduler": "cosine",
            "warmup_ratio": 0.05,
            "seed": seed,
        }


PUBLISHED_NAME = "support"
