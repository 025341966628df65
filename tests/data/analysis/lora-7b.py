# SPDX-License-Identifier: Apache-2.0
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

model = AutoModelForCausalLM.from_pretrained("someone/llama-7b")
model = get_peft_model(model, LoraConfig(r=8))
settings = TrainingArguments("out", per_device_train_batch_size=4, num_train_epochs=3, learning_rate=2e-4)
Trainer(model, settings, train_dataset=None).train()
