//! The table itself, in the order of the homes.

use super::{Home, Status, System};

/// Every system: 39 published ones and the bases they stand on.
pub const SYSTEMS: &[System] = &[
    published(
        "hippo",
        "How to Train Your HiPPO: State Space Models with Generalized Orthogonal Basis Projections",
        Home::StateMatrices,
    )
    .works(
        "matrices, bases, timescale law, reconstruction and delay hold; the trained Delay task was not run",
        "resolvent reproduce hippo",
    ),
    published(
        "s4",
        "Efficiently Modeling Long Sequences with Structured State Spaces",
        Home::StateMatrices,
    )
    .works(
        "layer and kernel are exact, fast and small; ListOps (56.5 %) and Pathfinder-32 (75.3 %) are learnt at a fraction of the published training; ablations do not favour HiPPO over random frequencies",
        "resolvent reproduce s4 --long DIR",
    ),
    published(
        "s4d",
        "On the Parameterization and Initialization of Diagonal State Space Models",
        Home::StateMatrices,
    )
    .works(
        "layer and O(1/N) convergence at fixed frequencies hold; ablations, untrained and trained, do not separate the initialisations as claimed",
        "resolvent reproduce s4d",
    ),
    published(
        "ptd",
        "Robustifying State-space Models for Long Sequences via Approximate Diagonalization",
        Home::StateMatrices,
    )
    .works(
        "noise robustness, transfer functions and the size of the perturbation hold with fixed kernels; after a short training S4D does not collapse with every seed, and the PTD variants do not hold",
        "resolvent reproduce ptd",
    ),
    published(
        "spacetime",
        "Effectively Modeling Time Series with Simple Discrete State Spaces",
        Home::StateMatrices,
    )
    .works(
        "trains, forecasts and steps: AR processes exactly; in the geometric mean over five packaged series level with S4D, ahead of it beyond the trained horizon, and behind a linear forecaster; ETT and classification were not run",
        "resolvent reproduce spacetime",
    ),
    base(
        "lra",
        "Long Range Arena: A Benchmark for Efficient Transformers",
        Home::StateMatrices,
    ),
    base(
        "mamba",
        "Mamba: Linear-Time Sequence Modeling with Selective State Spaces",
        Home::Language,
    )
    .works(
        "Mamba-1 and 2 train, step and open in transformers; selective copying holds, accuracy far beyond the training length does not; Mamba-3 is missing",
        "resolvent reproduce mamba",
    ),
    base(
        "rwkv7",
        "RWKV-7 \"Goose\" with Expressive Dynamic State Evolution",
        Home::Language,
    ),
    published(
        "hydra",
        "Hydra: Bidirectional State Space Models Through Generalized Matrix Mixers",
        Home::Language,
    ),
    published(
        "token-dynamics",
        "Demystifying the Token Dynamics of Deep Selective State Space Models",
        Home::Language,
    ),
    published(
        "birdie",
        "Birdie: Advancing State Space Language Modeling with Dynamic Mixtures of Training Objectives",
        Home::Language,
    ),
    published(
        "state-tuning",
        "State Tuning: State-based Test-Time Scaling on RWKV-7",
        Home::Language,
    ),
    published(
        "tim4rec",
        "TiM4Rec: An Efficient Sequential Recommendation Model Based on Time-Aware Structured State Space Duality",
        Home::Language,
    ),
    base(
        "ssm-serving",
        "A local inference server for state-space language models",
        Home::Language,
    ),
    published(
        "spatial-mamba",
        "Spatial-Mamba: Effective Visual State Space Models via Structure-aware State Fusion",
        Home::Vision,
    ),
    published(
        "msvmamba",
        "Multi-Scale VMamba: Hierarchy in Hierarchy Visual State Space Model",
        Home::Vision,
    ),
    published(
        "efficientvmamba",
        "EfficientVMamba: Atrous Selective Scan for Light Weight Visual Mamba",
        Home::Vision,
    ),
    published(
        "vssd",
        "VSSD: Vision Mamba with Non-Causal State Space Duality",
        Home::Vision,
    ),
    published(
        "efficientvim",
        "EfficientViM: Efficient Vision Mamba with Hidden State Mixer based State Space Duality",
        Home::Vision,
    ),
    published(
        "mhs-vm",
        "MHS-VM: Multi-Head Scanning in Parallel Subspaces for Vision Mamba",
        Home::Vision,
    ),
    published(
        "vision-token-pruning",
        "Exploring Token Pruning in Vision State Space Models",
        Home::Vision,
    ),
    published(
        "visual-mamba-survey",
        "A Survey on Visual Mamba",
        Home::Vision,
    ),
    published(
        "medical-ssm-survey",
        "Computation-Efficient Era: A Comprehensive Survey of State Space Models in Medical Image Analysis",
        Home::Vision,
    ),
    published(
        "chimera",
        "Chimera: Effectively Modeling Multivariate Time Series with 2-Dimensional State Space Models",
        Home::Series,
    ),
    published(
        "eeg-acm",
        "Classification of BCI-EEG based on augmented covariance matrix",
        Home::Series,
    ),
    base(
        "riemannian",
        "Geometry of symmetric positive definite matrices",
        Home::Series,
    ),
    published(
        "monarch",
        "Monarch: Expressive Structured Matrices for Efficient and Accurate Training",
        Home::Compression,
    ),
    published(
        "armor",
        "ARMOR: High-Performance Semi-Structured Pruning via Adaptive Matrix Factorization",
        Home::Compression,
    ),
    published(
        "m-fac",
        "M-FAC: Efficient Matrix-Free Approximations of Second-Order Information",
        Home::Compression,
    ),
    published(
        "quamba2",
        "Quamba2: A Robust and Scalable Post-training Quantization Framework for Selective State Space Models",
        Home::Compression,
    ),
    published(
        "mixpe",
        "MixPE: Quantization and Hardware Co-design for Efficient LLM Inference",
        Home::Compression,
    ),
    published(
        "block-lora",
        "One Head Eight Arms: Block Matrix based Low Rank Adaptation for CLIP-based Few-Shot Learning",
        Home::Adaptation,
    ),
    published(
        "diffora",
        "DiffoRA: Enabling Parameter-Efficient LLM Fine-Tuning via Differential Low-Rank Matrix Adaptation",
        Home::Adaptation,
    ),
    published(
        "fisher-cstrl",
        "CSTRL: Context-Driven Sequential Transfer Learning for Abstractive Radiology Report Summarization",
        Home::Adaptation,
    ),
    published(
        "bsvrb",
        "Blockwise Stochastic Variance-Reduced Methods with Parallel Speedup for Multi-Block Bilevel Optimization",
        Home::Adaptation,
    ),
    base(
        "peft",
        "Low-rank adapters and their published layout on disk",
        Home::Adaptation,
    ),
    published(
        "cuda-l2",
        "CUDA-L2: Surpassing cuBLAS Performance for Matrix Multiplication through Reinforcement Learning",
        Home::Kernels,
    ),
    published(
        "pigeon",
        "PIGEON: Optimizing CUDA Code Generator for End-to-End Training and Inference of Relational Graph Neural Networks",
        Home::Kernels,
    ),
    base(
        "fla-kernels",
        "Fast linear-recurrence kernels, the anchor of speed",
        Home::Kernels,
    ),
    published(
        "mtid",
        "Masked Temporal Interpolation Diffusion for Procedure Planning in Instructional Videos",
        Home::Generative,
    ),
    published(
        "atoken",
        "AToken: A Unified Tokenizer for Vision",
        Home::Generative,
    ),
    published(
        "spatialsonic",
        "Both Ears Wide Open: Towards Language-Driven Spatial Audio Generation",
        Home::Generative,
    ),
    published(
        "mtqa",
        "MTQA: Matrix of Thought for Enhanced Reasoning in Complex Question Answering",
        Home::Reasoning,
    ),
    published(
        "agent-matrix",
        "Dive into the Agent Matrix: A Realistic Evaluation of Self-Replication Risk in LLM Agents",
        Home::Reasoning,
    ),
    published(
        "swarmbrain",
        "SwarmBrain: Embodied agent for real-time strategy game StarCraft II via large language models",
        Home::Reasoning,
    ),
    published(
        "relational-reasoning",
        "LLMs for Relational Reasoning: How Far are We?",
        Home::Reasoning,
    ),
];

const fn published(slug: &'static str, title: &'static str, home: Home) -> System {
    System {
        slug,
        title,
        home,
        base: false,
        status: Status::Absent,
    }
}

const fn base(slug: &'static str, title: &'static str, home: Home) -> System {
    System {
        base: true,
        ..published(slug, title, home)
    }
}

impl System {
    const fn works(self, what: &'static str, command: &'static str) -> Self {
        Self {
            status: Status::Works { what, command },
            ..self
        }
    }
}
