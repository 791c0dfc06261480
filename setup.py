#!/usr/bin/env python3
"""Installs speechbrain_pib, a SpeechBrain plugin.

Authors
 * The speechbrain_pib developers 2026
"""

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent
README = ROOT / "README.md"

setup(
    name="speechbrain-pib",
    # Read as text: importing the package here would need torch to build it.
    version=(ROOT / "speechbrain_pib" / "version.txt").read_text().strip(),
    description="Play It Back and Listen to Look for SpeechBrain",
    long_description=README.read_text("utf-8") if README.is_file() else "",
    long_description_content_type="text/markdown",
    author="The speechbrain_pib developers",
    license="Apache-2.0",
    classifiers=[
        "Programming Language :: Python :: 3",
        "Topic :: Multimedia :: Sound/Audio :: Analysis",
    ],
    packages=find_packages(include=["speechbrain_pib", "speechbrain_pib.*"]),
    package_data={
        "speechbrain_pib": [
            "version.txt",
            "inference/templates/*.md",
            "inference/templates/timeline/*",
        ]
    },
    entry_points={
        "console_scripts": ["speechbrain-pib=speechbrain_pib.__main__:main"]
    },
    python_requires=">=3.10",
    install_requires=[
        # torchaudio 2.11, its newest release, is built for CUDA 13.0 and
        # does not import beside torch 2.15 (CUDA 13.2).
        "torch>=2.7.1,<2.15",
        "torchaudio>=2.7.1",
        "speechbrain>=1.1.2",
        "hyperpyyaml",
        "ruamel.yaml",
        "PyYAML",
        "numpy",
        "librosa",
        "h5py",
        "soxr",
        "soundfile",
        "jinja2",  # huggingface_hub fills in model cards with it
        "pillow",
        "scikit-learn",
        "scipy>=1.15",  # bootstrap(rng=)
        "matplotlib",
        # Goes on with another kind of lock where flock does not exist; a lock
        # is not kept by the forked workers of a process that was killed.
        "filelock>=3.30",
        "pooch",
        "tqdm",
        "huggingface_hub",
        "safetensors",
    ],
    extras_require={
        # ruff is bounded: each minor release may format differently.
        "test": [
            "pytest",
            "pytest-xdist",
            "ruff>=0.17,<0.18",
            "av",
            "onnx",
            "onnxruntime",
            "onnxscript",
            "playwright",
            "praatio",
            "srt",
            "webvtt-py",
            "transformers",
        ],
        "video": ["av"],
        "teacher": ["torchvision"],
        "onnx": ["onnx", "onnxruntime", "onnxscript"],
        "timm": ["timm"],
        "transformers": ["transformers"],
        # sed_scores_eval does not read data frames of pandas 3, and what it
        # imports needs pkg_resources, which setuptools 82 has no more.
        "timeline": ["sed_scores_eval", "pandas<3", "setuptools<82"],
        "logging": ["tensorboard", "wandb"],
    },
)
