"""Teach a small causal language model to answer in our house style."""
from dataclasses import dataclass, field

import torch
import transformers
from transformers import AutoModelForCausalLM, HfArgumentParser, Trainer


@dataclass
class ModelArguments:
    model_name_or_path: str = field(default="someone/small-causal-1b", metadata={"help": "where the weights are"})


@dataclass
class OurTrainingArguments(transformers.TrainingArguments):
    per_device_train_batch_size: int = field(default=4, metadata={"help": "of one GPU"})
    learning_rate: float = field(metadata={"help": "constant"}, default=2e-4)
    max_steps: int = field(default=1500)
    tags: list = field(default_factory=list)


model_args, training_args = HfArgumentParser((ModelArguments, OurTrainingArguments)).parse_args_into_dataclasses()
model = AutoModelForCausalLM.from_pretrained(model_args.model_name_or_path, torch_dtype=torch.bfloat16)
Trainer(model=model, args=training_args, train_dataset=None).train()
