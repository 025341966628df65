import fire
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM


def train(base_model: str = "", batch_size: int = 32, num_epochs: int = 2, learning_rate=3e-4):
    model = AutoModelForCausalLM.from_pretrained(base_model)
    model = get_peft_model(model, LoraConfig(r=8))
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)
    for epoch in range(num_epochs):
        optimizer.step()


if __name__ == "__main__":
    fire.Fire(train)
