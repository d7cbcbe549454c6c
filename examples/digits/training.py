"""Recipes and the training loop that follows them."""
import dataclasses
import time

import numpy as np
import torch
from torch.nn import functional as F

import data
import networks


@dataclasses.dataclass(frozen=True)
class Recipe:
    network: str = "cnn"
    epochs: int = 15
    batch: int = 64
    rate: float = 2e-3
    l2: float = 0.0                              # weight decay, decoupled from the gradient (AdamW)
    dropout: float = 0.0
    batch_norm: bool = True
    augmentation: frozenset = frozenset()
    patience: int = 0                            # epochs without a better validation loss before stopping; 0: never stop
    frozen: int = 0                              # this many first layers keep a trained network's weights
    teacher: bool = False                        # learn from the CNN's outputs as well as from the labels
    seed: int = 1


def build(recipe, trained=None):
    """A fresh network; its first `frozen` layers come from the `trained` one and stay as they are."""
    torch.manual_seed(recipe.seed)
    if recipe.network == "vit":
        return networks.Vit(recipe.dropout), []
    model = networks.Cnn(recipe.dropout, recipe.batch_norm)
    first = lambda network: [getattr(network, f"layer{i + 1}") for i in range(recipe.frozen)]
    for layer, source in zip(first(model), first(trained)):
        layer.load_state_dict(source.state_dict())
        layer.requires_grad_(False)
    return model, first(model)


def optimizer(model, recipe):
    """Biases, norms and embeddings do not decay."""
    weights = [p for p in model.parameters() if p.requires_grad]
    groups = [{"params": [p for p in weights if p.dim() in (2, 4)], "weight_decay": recipe.l2},
              {"params": [p for p in weights if p.dim() not in (2, 4)], "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=recipe.rate)


def loss_of(logits, labels, teacher_logits, temperature=3.0, share=0.7):
    loss = F.cross_entropy(logits, labels)
    if teacher_logits is None:
        return loss
    soft = F.kl_div(F.log_softmax(logits / temperature, 1), F.log_softmax(teacher_logits / temperature, 1),
                    reduction="batchmean", log_target=True)
    return (1 - share) * loss + share * temperature ** 2 * soft         # Hinton et al., arXiv 1503.02531


def predict(model, x):
    model.eval()
    with torch.no_grad():
        return torch.cat([model(part) for part in x.split(250)])


def accuracy(logits, labels):
    return (logits.argmax(1) == labels).float().mean().item()


def train(recipe, x, labels, trained=None, log=lambda text: None):
    """Returns the trained network. `trained` is the teacher and the source of frozen layers."""
    model, frozen = build(recipe, trained)
    validation = 400 if recipe.patience else 0
    x_val, labels_val, x, labels = x[:validation], labels[:validation], x[validation:], labels[validation:]
    adam, steps = optimizer(model, recipe), recipe.epochs * (len(x) // recipe.batch)
    warm = steps // 20
    cosine = lambda i: min((i + 1) / (warm + 1), 0.5 + 0.5 * np.cos(np.pi * i / steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(adam, (lambda i: 1.0) if recipe.patience else cosine)
    best, best_state, since = float("inf"), None, 0
    for epoch in range(recipe.epochs):
        model.train()
        for layer in frozen:
            layer.eval()
        total, start = 0.0, time.time()
        for pick in torch.randperm(len(x)).split(recipe.batch)[:len(x) // recipe.batch]:
            batch = data.augment(x[pick], recipe.augmentation)
            loss = loss_of(model(batch), labels[pick], predict(trained, batch) if recipe.teacher else None)
            adam.zero_grad()
            loss.backward()
            adam.step()
            schedule.step()
            total += loss.item()
        log(f"epoch {epoch + 1:3}  loss {total / (len(x) // recipe.batch):.4f}  {time.time() - start:.1f} s")
        if recipe.patience:
            loss = F.cross_entropy(predict(model, x_val), labels_val).item()
            since += 1
            if loss < best:
                best, since = loss, 0
                best_state = {name: t.clone() for name, t in model.state_dict().items()}
            if since == recipe.patience:
                break
    if best_state:
        model.load_state_dict(best_state)
    model.eval()
    return model
