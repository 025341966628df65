import contextlib, os
import torch.nn
with contextlib.suppress(ImportError):
    import jax
NAME = "maker/small"
parser.add_argument("--model", default="/models/sd-turbo/unet.json")


class Net:
    def __init__(self, name="maker/other"):
        self.part = AutoTokenizer.from_pretrained(name) if name else pipeline("x", model=NAME)


def load(path):
    import diffusers
    return diffusers.DiffusionPipeline.from_pretrained(pretrained_model_name_or_path=path.model)


def main():
    load(parser.parse_args())


os.system("pip install x")
if __name__ == "__main__":
    main()
