"""Pretrain a small GPT on open web text."""
import click
import torch
from model import GPT, GPTConfig


@click.command()
@click.option("--batch-size", default=12)
@click.option("--max-iters", default=600000)
@click.option("--learning-rate", default=6e-4)
def main(batch_size, max_iters, learning_rate):
    model = GPT(GPTConfig())
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)
    for _ in range(max_iters):
        model(batch_size).backward()
        optimizer.step()


main()
