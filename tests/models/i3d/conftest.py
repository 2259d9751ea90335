"""One thread of torch: its threads spin against each other when other tests run beside these."""

import torch

torch.set_num_threads(1)
